import type { VerifyResult } from "../../messaging/operations/contacts.ts";
import type { Command } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { withOperations } from "../with-operations.ts";

export const verify: Command = {
  usage: "verify <contact> [number..]",
  summary: "show the safety number, or confirm it",
  positionals: { contact: "whose", number: "the 60 digits that they read to you; spaces do not matter" },
  completes: { contact: "contact" },
  examples: [
    ["p2pchat verify bob", "show the number, and a QR code of it"],
    [
      "p2pchat verify bob 12345 67890 12345 67890 12345 67890 12345 67890 12345 67890 12345 67890",
      "confirm what bob reads out",
    ],
  ],
  run: async (args, context) => {
    const username = args.required("contact");
    const number = args.values("number").join("").replace(/\s/g, "");
    const result = await withOperations(context, {
      network: true,
      run: (operations) => operations.verify({ username, ...(number !== "" && { number }) }),
    });
    const lines = [...(number === "" ? await drawn(result, context) : []), ...describeNumber(result)];
    await context.output.print({ type: "safety-number", fields: result, text: lines.join("\n") });
    return EXIT.ok;
  },
};

/** The digits once more, for a camera; on a terminal, for whatever else reads this has no use for it. */
async function drawn({ safetyNumber }: VerifyResult, { output, terminal }: CliContext): Promise<readonly string[]> {
  const { stdout, env } = terminal;
  if (output.json || stdout.isTTY !== true || env["TERM"] === "dumb") return [];
  const { qrCode } = await import("../qr-code.ts");
  return [qrCode(safetyNumber, { paint: !env["NO_COLOR"] }), ""];
}

function describeNumber({ username, safetyNumber, verified }: VerifyResult): readonly string[] {
  const groups = safetyNumber.match(/.{1,5}/g) ?? [];
  const lines = [0, 4, 8].map((first) => groups.slice(first, first + 4).join(" "));
  const verdict = verified
    ? `${username} is verified.`
    : `Not verified yet. Compare it with ${username} face to face or by voice, then: p2pchat verify ${username} <number>`;
  return [...lines, verdict];
}
