import type { VerifyResult } from "../../messaging/operations.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { withOperations } from "../with-operations.ts";

export const verify: Command = {
  usage: "verify <contact> [number..]",
  summary: "show the safety number, or confirm it",
  positionals: { contact: "whose", number: "the 60 digits that they read to you; spaces do not matter" },
  run: async (args, context) => {
    const username = args.required("contact");
    const number = args.values("number").join("").replace(/\s/g, "");
    const result = await withOperations(context, {
      network: true,
      run: (operations) => operations.verify({ username, ...(number !== "" && { number }) }),
    });
    await context.output.print({ type: "safety-number", fields: result, text: describeNumber(result) });
    return EXIT.ok;
  },
};

function describeNumber({ username, safetyNumber, verified }: VerifyResult): string {
  const groups = safetyNumber.match(/.{1,5}/g) ?? [];
  const lines = [0, 4, 8].map((first) => groups.slice(first, first + 4).join(" "));
  const verdict = verified
    ? `${username} is verified.`
    : `Not verified yet. Compare it with ${username} face to face or by voice, then: p2pchat verify ${username} <number>`;
  return [...lines, verdict].join("\n");
}
