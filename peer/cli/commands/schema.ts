import { ChatError } from "../../../shared/errors.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit-codes.ts";

export const schema: Command = {
  usage: "schema [type]",
  summary: "the JSON Schema of what --json prints",
  positionals: { type: "of which type; lists them without one" },
  examples: [
    ["p2pchat schema", "the types"],
    ["p2pchat schema send > send.schema.json", "what send --json prints"],
  ],
  run: async (args, { output }) => {
    const { isOutputType, OUTPUT_TYPES } = await import("../schemas/outputs.ts");
    const type = args.value("type");
    if (type === undefined) {
      await output.print({ type: "schemas", fields: { types: OUTPUT_TYPES }, text: OUTPUT_TYPES.join("\n") });
      return EXIT.ok;
    }
    if (!isOutputType(type)) throw new ChatError("USAGE", `nothing of the type "${type}" is printed`);
    const { jsonSchemaOf } = await import("../schemas/json-schema.ts");
    const found = jsonSchemaOf(type);
    const text = JSON.stringify(found, undefined, 2);
    await output.print({ type: "schema", fields: { of: type, schema: found }, text });
    return EXIT.ok;
  },
};
