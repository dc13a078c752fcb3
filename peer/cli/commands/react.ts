import type { Command } from "../command.ts";
import { DELIVERY_OPTIONS, deliveryExitCode, describeDelivery, readDelivery } from "../delivering.ts";
import { withOperations } from "../with-operations.ts";

export const react: Command = {
  usage: "react <id> [emoji]",
  summary: "say something short about a message; without an emoji, take it back",
  positionals: { id: "of the message, as listen --json and history --json print it", emoji: "or a few letters" },
  options: DELIVERY_OPTIONS,
  completes: { id: "message" },
  examples: [
    ["p2pchat react 0a1b2c3d4e5f60718293a4b5c6d7e8f9 +1", "say yes"],
    ["p2pchat react 0a1b2c3d4e5f60718293a4b5c6d7e8f9", "take it back"],
  ],
  run: async (args, context) => {
    const delivery = readDelivery(args);
    const params = { id: args.required("id"), emoji: args.value("emoji") ?? "", ...delivery };
    const result = await withOperations(context, { network: true, run: (operations) => operations.react(params) });
    await context.output.print({ type: "reaction", fields: result, text: describeDelivery(result) });
    return deliveryExitCode(result, delivery.wait);
  },
};
