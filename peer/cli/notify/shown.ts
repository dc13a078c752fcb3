import { ChatError } from "../../../shared/errors.ts";

/** What may be shown: who wrote, and what; or who wrote. */
export type Shown = "text" | "names";

/** @throws ChatError USAGE */
export function readShown(typed: string | undefined): Shown | undefined {
  if (typed === undefined || typed === "off") return undefined;
  if (typed === "text" || typed === "names") return typed;
  throw new ChatError("USAGE", `--notify takes text, names or off, not "${typed}"`);
}
