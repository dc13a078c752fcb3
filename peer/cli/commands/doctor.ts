import type { Command } from "../command.ts";

export const doctor: Command = {
  usage: "doctor",
  summary: "look at everything, and say what is wrong and what to do",
  examples: [
    ["p2pchat doctor", "a verdict on everything"],
    [
      "p2pchat doctor --json | jq -r '.checks[] | select(.verdict == \"bad\") | .message'",
      "what is bad, for a monitor",
    ],
  ],
  run: async (_args, context) => (await import("../diagnosis/examine.ts")).printDiagnosis(context),
};
