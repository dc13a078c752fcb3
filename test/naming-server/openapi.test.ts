import { pino } from "pino";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { createApp } from "../../naming-server/app.ts";
import { Metrics } from "../../naming-server/metrics.ts";
import type { Services } from "../../naming-server/services.ts";
import { JOSE_MEDIA_TYPE } from "../../shared/protocol.ts";
import {
  type Answer,
  assertionOf,
  type Call,
  call,
  putRecord,
  refusal,
  register,
  requestToken,
  signIn,
  startTestServer,
  type TestServer,
} from "../support/naming-server.ts";
import {
  addressRecordOf,
  mailboxRecordOf,
  personOf,
  recordOf,
  recordTextOf,
  relayDescriptorOf,
  relayOf,
} from "../support/people.ts";
import { startWatching } from "../support/presence-watch.ts";

const bob = personOf("bob");

type Content = Readonly<Record<string, { readonly schema: object }>>;
type Documented = {
  readonly operationId: string;
  readonly security: readonly object[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
};
type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Documented>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
};

type World = { readonly server: TestServer; readonly token: string };
type Scenario = (world: World) => Promise<Answer>;

const ask =
  (method: string, path: string, options: Call = {}): Scenario =>
  ({ server, token }) =>
    call(server, method, path, { token, ...options });

/** For every documented operation, requests that meet each of its good answers. */
const relay = relayOf("one");

const SCENARIOS: Readonly<Record<string, readonly Scenario[]>> = {
  getName: [
    ask("GET", "/v1/names/bob"),
    async (world) => {
      const etag = (await ask("GET", "/v1/names/bob")(world)).headers.get("etag") ?? "";
      return ask("GET", "/v1/names/bob", { headers: { "if-none-match": etag } })(world);
    },
  ],
  putName: [
    async ({ server }) => putRecord(server, "carol", await recordTextOf(personOf("carol"))),
    async ({ server }) => putRecord(server, "bob", await recordTextOf(bob, { previous: await recordOf(bob) })),
  ],
  getHistory: [ask("GET", "/v1/names/bob/history?after=0")],
  claimKeyPackages: [ask("POST", "/v1/names/bob/key-packages/claim")],
  publishAddresses: [
    async (world) =>
      ask("PUT", `/v1/devices/${bob.device}/addresses`, {
        type: JOSE_MEDIA_TYPE,
        body: await addressRecordOf(bob, { seq: 2 }),
      })(world),
  ],
  publishMailbox: [
    async (world) =>
      ask("PUT", `/v1/devices/${bob.device}/mailbox`, { type: JOSE_MEDIA_TYPE, body: await mailboxRecordOf(bob) })(
        world,
      ),
  ],
  listRelays: [
    ask("GET", "/v1/relays"),
    async (world) => {
      const etag = (await ask("GET", "/v1/relays")(world)).headers.get("etag") ?? "";
      return ask("GET", "/v1/relays", { headers: { "if-none-match": etag } })(world);
    },
  ],
  putRelay: [
    async (world) =>
      ask("PUT", `/v1/relays/${relay.id}`, { type: JOSE_MEDIA_TYPE, body: await relayDescriptorOf(relay) })(world),
  ],
  withdrawAddresses: [ask("DELETE", `/v1/devices/${bob.device}/addresses`)],
  addKeyPackages: [
    ask("POST", `/v1/devices/${bob.device}/key-packages`, { type: "application/json", body: '{"keyPackages":["AQ"]}' }),
  ],
  listOnline: [ask("GET", "/v1/presence")],
  watchPresence: [
    async ({ server, token }) => {
      const { status, headers, next } = await startWatching(server, token);
      const { event } = await next();
      return { status, headers, text: event, json: undefined };
    },
  ],
  requestToken: [async ({ server }) => requestToken(server, await assertionOf(bob, server.clock.nowMs))],
  listSigningKeys: [ask("GET", "/.well-known/jwks.json")],
  getCheckpoint: [ask("GET", "/v1/log/checkpoint")],
  getLogKey: [ask("GET", "/v1/log/key")],
  listLogEntries: [ask("GET", "/v1/log/entries?start=0")],
  proveInclusion: [ask("GET", "/v1/log/inclusion?index=0&size=1")],
  proveConsistency: [ask("GET", "/v1/log/consistency?from=0&to=1")],
  isAlive: [ask("GET", "/healthz")],
  isReady: [ask("GET", "/readyz")],
  readMetrics: [ask("GET", "/metrics")],
  describeApi: [ask("GET", "/v1/openapi.json")],
};

async function startWorld(): Promise<World & { document: Document }> {
  const server = await startTestServer();
  await register(server, bob);
  const token = await signIn(server, bob);
  await call(server, "PUT", `/v1/devices/${bob.device}/addresses`, {
    token,
    type: JOSE_MEDIA_TYPE,
    body: await addressRecordOf(bob),
  });
  const { json } = await call(server, "GET", "/v1/openapi.json");
  return { server, token, document: json as Document };
}

function operationsOf({ paths }: Document) {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
  );
}

const pathOf = ({ path }: { path: string }) =>
  path.replace("{name}", "bob").replace("{device}", bob.device).replace("{relay}", relay.id);

const successesOf = ({ responses }: Documented) => Object.keys(responses).filter((status) => Number(status) < 400);

/** References point into the document, so the schemas of its components go along. */
function parserOf(schema: object, { components }: Document): z.ZodType {
  const { $ref } = schema as { $ref?: string };
  const target = $ref === undefined ? schema : components.schemas[$ref.replace("#/components/schemas/", "")];
  if (target === undefined) throw new Error(`nothing is at ${$ref}`);
  return z.fromJSONSchema(target as Parameters<typeof z.fromJSONSchema>[0]);
}

function assertDocumented(answer: Answer, operation: Documented, document: Document): void {
  const documented = operation.responses[answer.status];
  expect(documented, `${operation.operationId} answered ${answer.status}: ${answer.text}`).toBeDefined();
  const [mediaType, content] = Object.entries(documented?.content ?? {})[0] ?? [];
  expect(answer.headers.get("content-type")).toBe(mediaType ?? null);
  if (content === undefined) expect(answer.text).toBe("");
  else if (/json$/.test(mediaType ?? "")) parserOf(content.schema, document).parse(answer.json);
}

describe("the document of the interface", () => {
  test("has every operation that there is, and no other", async () => {
    const { document } = await startWorld();
    const documented = operationsOf(document).map(({ method, path }) => `${method} ${path}`);
    expect(documented.sort()).toEqual(routedOperations().sort());
    const ids = operationsOf(document).map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Object.keys(SCENARIOS).sort()).toEqual(ids.sort());
  });

  test("tells the truth about every good answer", async () => {
    const world = await startWorld();
    for (const operation of operationsOf(world.document)) {
      const seen = new Set<string>();
      for (const scenario of SCENARIOS[operation.operationId] ?? []) {
        const answer = await scenario(world);
        assertDocumented(answer, operation, world.document);
        seen.add(String(answer.status));
      }
      expect([operation.operationId, ...seen].sort()).toEqual(
        [operation.operationId, ...successesOf(operation)].sort(),
      );
    }
  });

  test("says which operations need a token, and what those answer who have none", async () => {
    const { server, document } = await startWorld();
    for (const operation of operationsOf(document)) {
      const path = pathOf(operation);
      if (operation.security.length === 0) continue;
      const answer = await call(server, operation.method.toUpperCase(), path);
      expect(refusal(answer)).toEqual({ status: 401, code: "TOKEN_MISSING" });
      assertDocumented(answer, operation, document);
      expect(operation.responses["401"]?.description).toContain("TOKEN_MISSING");
    }
  });

  test("names the refusal that a body of another type or beyond the limit meets", async () => {
    const { server, token, document } = await startWorld();
    for (const operation of operationsOf(document)) {
      const path = pathOf(operation);
      const [type] = Object.keys(operation.requestBody?.content ?? {});
      if (type === undefined) continue;
      const method = operation.method.toUpperCase();
      const wrong = await call(server, method, path, { token, type: "text/plain", body: "x" });
      const long = await call(server, method, path, { token, type, body: "x".repeat(300 * 1024) });
      expect([wrong.status, long.status]).toEqual([415, 413]);
      for (const answer of [wrong, long]) assertDocumented(answer, operation, document);
    }
  });

  test("carries the limits of what it describes", async () => {
    const { document } = await startWorld();
    const upload = document.paths["/v1/devices/{device}/key-packages"]?.["post"]?.requestBody;
    expect(upload).toMatchObject({
      description: "At most 262144 bytes.",
      content: { "application/json": { schema: { properties: { keyPackages: { maxItems: 50 } } } } },
    });
    expect(JSON.stringify(document.paths["/v1/names/{name}"])).toContain('"minLength":3,"maxLength":32');
  });
});

/** What Express itself would answer, from its own table; what has every method is the refusal of wrong ones. */
function routedOperations(): string[] {
  const app = createApp({ metrics: new Metrics() } as unknown as Services, pino({ level: "silent" }));
  return app.router.stack.flatMap(({ route }) => {
    const { path = "", methods = {} } = (route ?? {}) as { path?: string; methods?: Record<string, boolean> };
    const [verb, ...others] = Object.keys(methods);
    return verb === undefined || others.length > 0 ? [] : [`${verb} ${path.replace(/:(\w+)/g, "{$1}")}`];
  });
}
