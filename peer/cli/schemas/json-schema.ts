import * as z from "zod";
import { OUTPUT_TYPES, OUTPUTS, type OutputType } from "./outputs.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * The JSON Schema (draft 2020-12) of what `--json` prints with that `type`. Members that it does not name may come with a
 * later version, and are to be ignored.
 */
export function jsonSchemaOf(type: OutputType): JsonSchema {
  const { $schema, ...body } = z.toJSONSchema(OUTPUTS[type], { override: allowMore });
  const { anyOf = [body] } = body;
  const whole = anyOf.map((part) => withHead(type, part));
  const [only] = whole;
  return { $schema, title: `p2pchat ${type}`, ...(whole.length === 1 ? only : { anyOf: whole }) };
}

/** The published files, by name. */
export function schemaFiles(): ReadonlyMap<string, string> {
  return new Map(OUTPUT_TYPES.map((type) => [`${type}.json`, `${JSON.stringify(jsonSchemaOf(type), undefined, 2)}\n`]));
}

function withHead(type: OutputType, { properties, required = [], ...rest }: z.core.JSONSchema.BaseSchema): JsonSchema {
  const head = { v: { const: 1 }, type: { const: type } };
  return { ...rest, properties: { ...head, ...properties }, required: ["v", "type", ...required] };
}

function allowMore({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
}
