import type { Command } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { withOperations } from "../with-operations.ts";

export const online: Command = {
  usage: "online",
  summary: "who is online",
  run: async (_args, context) => {
    const found = await withOperations(context, { network: true, run: (operations) => operations.online() });
    const text = found.online.map(({ username, contact }) => `${username}${contact ? " (contact)" : ""}`).join("\n");
    await context.output.print({ type: "online", fields: { online: found.online }, text });
    return EXIT.ok;
  },
};
