import { ChatError } from "../../../shared/errors.ts";
import type { InboxMode } from "../../messaging/operations/contacts.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { visibleLine } from "../visible-text.ts";
import { withOperations } from "../with-operations.ts";

const MODES = {
  open: "messages of strangers are shown",
  requests: "messages of strangers wait until you accept them",
  contacts: "strangers are refused",
} as const satisfies Record<InboxMode, string>;

export const inbox: Command = {
  usage: "inbox [mode]",
  summary: "what becomes of messages of strangers, and who waits",
  positionals: { mode: "open (show them), requests (hold them until contacts accept) or contacts (refuse them)" },
  completes: { mode: Object.keys(MODES) },
  examples: [["p2pchat inbox requests", "show nothing of strangers until you accept them"]],
  run: async (args, context) => {
    const mode = readMode(args.value("mode"));
    const params = mode === undefined ? {} : { mode };
    const found = await withOperations(context, { network: false, run: (operations) => operations.inbox(params) });
    const waiting = found.requests.map(({ username, messages }) => {
      return `${visibleLine(username)} (${messages}): p2pchat contacts accept ${visibleLine(username)}`;
    });
    const text = [`${found.mode}: ${MODES[found.mode]}`, ...waiting].join("\n");
    await context.output.print({ type: "inbox", fields: found, text });
    return EXIT.ok;
  },
};

function readMode(text: string | undefined): InboxMode | undefined {
  if (text === undefined) return undefined;
  const mode = Object.keys(MODES).find((one): one is InboxMode => one === text);
  if (mode === undefined) throw new ChatError("USAGE", `unknown mode "${text}": ${Object.keys(MODES).join(", ")}`);
  return mode;
}
