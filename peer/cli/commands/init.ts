import type { Command } from "../command.ts";

export const init: Command = {
  usage: "init",
  summary: "first start: asks for a naming server, a name and a passphrase, and says how to go on",
  examples: [
    ["p2pchat init", "make a profile"],
    ["p2pchat --profile work init", "make another one beside it"],
  ],
  run: async (_args, context) => (await import("../first-start.ts")).firstStart(context),
};
