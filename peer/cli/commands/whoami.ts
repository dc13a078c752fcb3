import type { Command } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { table } from "../table.ts";
import { withOperations } from "../with-operations.ts";

export const whoami: Command = {
  usage: "whoami",
  summary: "who this profile is",
  examples: [["p2pchat whoami --json | jq -r .fingerprint", "the fingerprint alone"]],
  run: async (_args, context) => {
    const identity = await withOperations(context, { network: false, run: (operations) => operations.whoami() });
    const { username, peerId, fingerprint, server, profile } = identity;
    const text = table([
      ["username", username],
      ["fingerprint", fingerprint],
      ["peer id", peerId],
      ["server", server],
      ["profile", profile],
    ]);
    await context.output.print({ type: "whoami", fields: { username, peerId, fingerprint, server, profile }, text });
    return EXIT.ok;
  },
};
