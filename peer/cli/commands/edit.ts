import { utf8 } from "../../../shared/bytes.ts";
import { ChatError } from "../../../shared/errors.ts";
import { readText } from "../../../shared/text.ts";
import type { Command } from "../command.ts";
import { DELIVERY_OPTIONS, deliveryExitCode, describeDelivery, readDelivery } from "../delivering.ts";
import { readMessage } from "../stdin.ts";
import { withOperations } from "../with-operations.ts";

export const edit: Command = {
  usage: "edit <id> [message]",
  summary: "give a message that you sent another text, for both sides",
  positionals: { id: "of the message, as send and history --json print it", message: "the new text, or piped in" },
  options: DELIVERY_OPTIONS,
  completes: { id: "own-message" },
  examples: [['p2pchat edit 0a1b2c3d4e5f60718293a4b5c6d7e8f9 "at six, not five"', "they see the new text"]],
  run: async (args, context) => {
    const delivery = readDelivery(args);
    const typed = args.value("message");
    const { stdin } = context.terminal;
    if (typed === undefined && stdin.isTTY) throw new ChatError("USAGE", "no text: give one, or pipe it in");
    const isPiped = typed === undefined || typed === "-";
    const text = isPiped ? await readMessage(stdin, context.interruption.signal) : readText(utf8(typed));
    const params = { id: args.required("id"), text, ...delivery };
    const result = await withOperations(context, { network: true, run: (operations) => operations.edit(params) });
    await context.output.print({ type: "edit", fields: result, text: describeDelivery(result) });
    return deliveryExitCode(result, delivery.wait);
  },
};
