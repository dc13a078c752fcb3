import type { Command } from "../command.ts";
import { EXIT } from "../exit-codes.ts";

export const register: Command = {
  usage: "register <username>",
  summary: "make keys and claim the name",
  positionals: { username: "3 to 32 characters: a-z, 0-9 and single hyphens" },
  options: { "no-passphrase": { describe: "leave the keys unsealed, guarded by the file's mode alone" } },
  run: async (args, { settings, verbose, dependencies, interruption, output }) => {
    const programs = await dependencies.loadPrograms();
    const identity = await programs.registerProfile({
      settings,
      username: args.required("username"),
      sealed: !args.flag("no-passphrase"),
      verbose,
      signal: interruption.signal,
    });
    const text = `registered ${output.strong(identity.username)} at ${identity.server}\nfingerprint ${identity.fingerprint}`;
    await output.print({ type: "registered", fields: identity, text });
    return EXIT.ok;
  },
};
