import { ChatError } from "../../../shared/errors.ts";
import type { HistoryMessage, HistoryParams } from "../../messaging/operations/messages.ts";
import type { Args, Command } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { localTime, parseInstant } from "../instant.ts";
import { visibleLine, visibleMessage } from "../visible-text.ts";
import { withOperations } from "../with-operations.ts";

const MAX_LIMIT = 1_000_000;

export const history: Command = {
  usage: "history <to>",
  summary: "the conversation with somebody, oldest first",
  positionals: { to: "with whom" },
  options: {
    limit: { value: "N", describe: "the newest N messages only" },
    since: { value: "TIME", describe: "from then on: 2026-11-20 or 2026-11-20T18:30:00Z" },
    before: { value: "TIME", describe: "up to then" },
    search: { value: "TEXT", describe: "only messages that contain this" },
  },
  completes: { to: "contact" },
  examples: [
    ["p2pchat history bob --limit 20", "what was said last"],
    ["p2pchat history bob --since 2026-11-20 --search invoice --json", "for programs"],
  ],
  run: async (args, context) => {
    const params = readParams(args);
    const found = await withOperations(context, { network: false, run: (operations) => operations.history(params) });
    for (const message of found.messages) {
      if (!(await printMessage(message, context.output))) break;
    }
    return EXIT.ok;
  },
};

function readParams(args: Args): HistoryParams {
  const [limit, since, before, search] = ["limit", "since", "before", "search"].map(args.value);
  return {
    with: args.required("to"),
    ...(limit !== undefined && { limit: readLimit(limit) }),
    ...(since !== undefined && { since: parseInstant(since, "--since") }),
    ...(before !== undefined && { before: parseInstant(before, "--before") }),
    ...(search !== undefined && { search }),
  };
}

function readLimit(text: string): number {
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new ChatError("USAGE", `--limit takes a number from 1 to ${MAX_LIMIT}`);
}

function printMessage(message: HistoryMessage, output: CliContext["output"]): Promise<boolean> {
  const { state: _, ...fields } = message;
  return output.print({ type: "message", fields, text: describe(message, output.strong) });
}

/** What became of it stands where no text of anybody can. */
function describe(message: HistoryMessage, strong: CliContext["output"]["strong"]): string {
  const { sentAt, from, text, reactions = [] } = message;
  const notes = notesOn(message);
  const author = `${strong(visibleLine(from))}${notes.length > 0 ? ` (${notes.join(", ")})` : ""}`;
  return [
    `${localTime(sentAt)} ${author}:${text === "" ? "" : ` ${visibleMessage(text)}`}`,
    ...reactions.map((reaction) => `  * ${visibleLine(reaction.from)}: ${visibleLine(reaction.emoji)}`),
  ].join("\n");
}

function notesOn({ direction, state, edited, deleted }: HistoryMessage): readonly string[] {
  const isOnTheWay = direction === "out" && state !== undefined && state !== "stored";
  return [...(isOnTheWay ? [state] : []), ...(edited ? ["edited"] : []), ...(deleted ? ["taken back"] : [])];
}
