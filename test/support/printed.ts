import * as z from "zod";
import { isOutputType, OUTPUTS } from "../../peer/cli/schemas/outputs.ts";

/** What is wrong with an object that `--json` printed; undefined where nothing is. */
export function complaintAbout(line: Readonly<Record<string, unknown>>): string | undefined {
  const { v, type, ...fields } = line;
  if (v !== 1 || typeof type !== "string") return `no v and type: ${JSON.stringify(line)}`;
  if (!isOutputType(type)) return `peer/cli/schemas has nothing of the type "${type}"`;
  const { error } = OUTPUTS[type].safeParse(fields);
  return error && `${JSON.stringify(line)} does not fit the schema of "${type}": ${z.prettifyError(error)}`;
}

/** Whether a line is of p2pchat's making, and not of a test's own scripts. */
export function isPrinted(line: Readonly<Record<string, unknown>>): boolean {
  return "v" in line && "type" in line;
}
