import * as z from "zod";
import { PROBLEM_MEDIA_TYPE, problemSchema } from "../shared/api.ts";
import type { ErrorCode } from "../shared/errors.ts";
import { deviceIdSchema, usernameSchema } from "../shared/schemas.ts";
import { SERVER_LIMITS } from "./limits.ts";
import { HTTP_STATUS } from "./problem.ts";
import type { DeclaredOperation, Success } from "./routes/route.ts";

type JsonObject = Record<string, unknown>;

/** What stands for a segment of a path. */
const PATH_PARAMETERS: Readonly<Record<string, { description: string; schema: z.ZodType }>> = {
  name: { description: "a username in canonical form", schema: usernameSchema },
  device: { description: "the peer id of a device", schema: deviceIdSchema },
  relay: { description: "the peer id of a relay", schema: deviceIdSchema },
};

/** Codes that any operation may answer, and those that a body or a token may meet besides. */
const ANYWHERE: readonly ErrorCode[] = [
  "REQUEST_INVALID",
  "RATE_LIMITED",
  "INTERNAL",
  "STORE_CORRUPT",
  "STORAGE",
  "SERVER_BUSY",
];
const WITH_BODY: readonly ErrorCode[] = ["MEDIA_TYPE", "BODY_TOO_LARGE"];
const WITH_TOKEN: readonly ErrorCode[] = ["TOKEN_MISSING", "TOKEN_INVALID"];

/** The OpenAPI 3.1 document of the operations, made of the schemas that check what comes and goes. */
export function describeApi(operations: readonly DeclaredOperation[], publicUrl: string): JsonObject {
  const paths: Record<string, JsonObject> = {};
  for (const operation of operations) {
    const path = operation.path.replace(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [operation.method]: describeOperation(operation) };
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "p2pchat naming server",
      version: "1",
      description: "Usernames to signed keys and addresses. docs/PROTOCOL.md says what the records hold.",
    },
    servers: [{ url: publicUrl }],
    paths,
    components: {
      schemas: { Problem: schemaOf(problemSchema) },
      securitySchemes: { accessToken: { type: "http", scheme: "bearer", bearerFormat: "JWT" } },
    },
  };
}

function describeOperation(operation: DeclaredOperation): JsonObject {
  const { id, summary, body } = operation;
  return {
    operationId: id,
    summary,
    security: "signedIn" in operation ? [{ accessToken: [] }] : [],
    parameters: parametersOf(operation),
    ...(body && { requestBody: describeBody(body) }),
    responses: { ...describeAnswers(operation.answers), ...describeRefusals(operation) },
  };
}

function parametersOf({ path, query, headers = {} }: DeclaredOperation): JsonObject[] {
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name = ""]) => {
    const parameter = PATH_PARAMETERS[name];
    if (parameter === undefined) throw new Error(`the path parameter ${name} is not described`);
    const { description, schema } = parameter;
    return { name, in: "path", required: true, description, schema: schemaOf(schema) };
  });
  const inQuery = Object.entries(query?.shape ?? {}).map(([name, schema]) => {
    return { name, in: "query", required: !isOptional(schema), schema: schemaOf(schema) };
  });
  const inHeader = Object.entries(headers).map(([name, description]) => {
    return { name, in: "header", required: false, description, schema: { type: "string" } };
  });
  return [...inPath, ...inQuery, ...inHeader];
}

function isOptional(schema: z.core.$ZodType): boolean {
  return z.safeParse(schema, undefined).success;
}

function describeBody({ mediaType, schema, maxBytes }: NonNullable<DeclaredOperation["body"]>): JsonObject {
  const description = `At most ${maxBytes ?? SERVER_LIMITS.bodyMaxBytes} bytes.`;
  return { required: true, description, content: { [mediaType]: { schema: schemaOf(schema) } } };
}

function describeAnswers(answers: Readonly<Record<number, Success>>): JsonObject {
  const described = Object.entries(answers).map(([status, { what, body, mediaType = "application/json" }]) => {
    return [status, { description: what, ...(body && { content: { [mediaType]: { schema: schemaOf(body) } } }) }];
  });
  return Object.fromEntries(described);
}

/** One answer for each status, with its codes. */
function describeRefusals(operation: DeclaredOperation): JsonObject {
  const byStatus = Map.groupBy(refusalsOf(operation), (code) => HTTP_STATUS[code]);
  const content = { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: "#/components/schemas/Problem" } } };
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [status, { description: codes.join(", "), content }]),
  );
}

/** Every code that an operation may answer. */
export function refusalsOf(operation: DeclaredOperation): readonly ErrorCode[] {
  const withBody = operation.body === undefined ? [] : WITH_BODY;
  const withToken = "signedIn" in operation ? WITH_TOKEN : [];
  return [...new Set([...operation.refusals, ...withBody, ...withToken, ...ANYWHERE])];
}

/** As it travels, before any of it is decoded. */
function schemaOf(schema: z.ZodType): JsonObject {
  const { $schema, ...described } = z.toJSONSchema(schema, {
    target: "draft-2020-12",
    io: "input",
    unrepresentable: "any",
  });
  return described;
}
