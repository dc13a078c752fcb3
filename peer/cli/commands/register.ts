import type { Command } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { readInvite } from "../invite.ts";

export const register: Command = {
  usage: "register <username>",
  summary: "make keys and claim the name",
  positionals: { username: "3 to 32 characters: a-z, 0-9 and single hyphens" },
  options: {
    "no-passphrase": { describe: "leave the keys unsealed, guarded by the file's mode alone" },
    hidden: { describe: "be on no list of who is online, as after presence off" },
    invite: { value: "CODE", describe: "from whoever runs a naming server by invitation (P2PCHAT_INVITE)" },
  },
  examples: [
    ["p2pchat register alice --server https://names.example.org", "claim a name; asks for a passphrase"],
    [
      "p2pchat register alerts --server https://names.example.org --passphrase-file /run/secrets/p2pchat",
      "for a service",
    ],
  ],
  run: async (args, { settings, verbose, dependencies, interruption, output, terminal }) => {
    const programs = await dependencies.loadPrograms();
    const typed = args.value("invite") ?? (terminal.env["P2PCHAT_INVITE"] || undefined);
    const invite = typed === undefined ? undefined : readInvite(typed);
    const identity = await programs.registerProfile({
      settings,
      username: args.required("username"),
      sealed: !args.flag("no-passphrase"),
      hidden: args.flag("hidden"),
      ...(invite !== undefined && { invite }),
      verbose,
      signal: interruption.signal,
    });
    const text = `registered ${output.strong(identity.username)} at ${identity.server}\nfingerprint ${identity.fingerprint}`;
    await output.print({ type: "registered", fields: identity, text });
    return EXIT.ok;
  },
};
