import type { TrustResult } from "../../messaging/operations/contacts.ts";
import { describeKeys, showThenAccept, verdictOn } from "../accept-key.ts";
import type { Command } from "../command.ts";
import { describeChange } from "../describe-change.ts";
import { EXIT } from "../exit-codes.ts";
import { withOperations } from "../with-operations.ts";

export const trust: Command = {
  usage: "trust <contact>",
  summary: "accept a changed key, after seeing what changed and what the log says",
  positionals: { contact: "whose key changed" },
  completes: { contact: "contact" },
  examples: [["p2pchat trust bob", "see what changed, then accept it or not"]],
  run: async (args, context) => {
    const username = args.required("contact");
    const result = await withOperations(context, {
      network: true,
      run: ({ trust: show }) =>
        showThenAccept(
          (accept) => show({ username, ...(accept !== undefined && { accept }) }),
          username,
          context,
          describe,
        ),
    });
    const text = `${describe(result)}\n${verdictOn(result, result.username)}`;
    await context.output.print({ type: "trust", fields: result, text });
    return result.accepted ? EXIT.ok : EXIT.untrusted;
  },
};

function describe(result: TrustResult): string {
  const { change } = result;
  return change === undefined ? describeKeys(result) : `${describeKeys(result)}\n${describeChange(change)}`;
}
