import type { Command } from "../command.ts";
import { DELIVERY_OPTIONS, deliveryExitCode, describeDelivery, readDelivery } from "../delivering.ts";
import { EXIT } from "../exit-codes.ts";
import { withOperations } from "../with-operations.ts";

export const deleteMessage: Command = {
  usage: "delete <id>",
  summary: "take back a message that you sent: both sides forget it",
  positionals: { id: "of the message, as send and history --json print it" },
  options: DELIVERY_OPTIONS,
  completes: { id: "own-message" },
  examples: [["p2pchat delete 0a1b2c3d4e5f60718293a4b5c6d7e8f9", "nothing of it stays on either side"]],
  run: async (args, context) => {
    const delivery = readDelivery(args);
    const params = { id: args.required("id"), ...delivery };
    const result = await withOperations(context, { network: true, run: (operations) => operations.remove(params) });
    const isCancelled = result.id === params.id;
    const text = isCancelled ? `cancelled (${result.id}): it had not left yet` : describeDelivery(result);
    await context.output.print({ type: "delete", fields: result, text });
    return isCancelled ? EXIT.ok : deliveryExitCode(result, delivery.wait);
  },
};
