import type { Command } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { table } from "../table.ts";
import { withOperations } from "../with-operations.ts";

export const lookup: Command = {
  usage: "lookup <username>",
  summary: "the verified record of a name",
  positionals: { username: "whom to look up" },
  completes: { username: "contact" },
  examples: [["p2pchat lookup bob", "the key and devices of a name, without adding it"]],
  run: async (args, context) => {
    const typed = args.required("username");
    const record = await withOperations(context, {
      network: true,
      run: (operations) => operations.lookup({ username: typed }),
    });
    const { username, fingerprint, seq, devices, online, pinned } = record;
    const text = table([
      ["username", username],
      ["fingerprint", fingerprint],
      ["sequence", String(seq)],
      ["devices", devices.join(" ")],
      ["online", online ? "yes" : "no"],
      ["contact", pinned ? "yes" : "no"],
    ]);
    await context.output.print({
      type: "record",
      fields: { username, fingerprint, seq, devices, online, pinned },
      text,
    });
    return EXIT.ok;
  },
};
