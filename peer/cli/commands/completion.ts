import { ChatError, isChatError } from "../../../shared/errors.ts";
import type { Command } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { GLOBAL_OPTIONS } from "../options.ts";
import { findDaemon } from "../reach-profile.ts";

/** A shell waits for the answer with every key. */
const PATIENCE_MS = 1000;
/** What a shell may be given as it is. */
const HARMLESS = /^[a-z0-9-]+$/;

/** @param commands  all of them, this one included */
export function completionOf(commands: () => readonly Command[]): Command {
  return {
    usage: "completion <shell>",
    summary: "what a shell needs to complete commands, options and contacts: bash, zsh, fish",
    positionals: { shell: "bash, zsh or fish" },
    completes: { shell: ["bash", "zsh", "fish"] },
    examples: [
      ['eval "$(p2pchat completion bash)"', "in ~/.bashrc; the same with zsh, behind compinit in ~/.zshrc"],
      ["p2pchat completion fish > ~/.config/fish/completions/p2pchat.fish", "for fish"],
    ],
    run: async (args, context) => {
      const shell = args.required("shell");
      const text = shell === "contacts" ? await contactNames(context) : await scriptFor(shell, commands());
      await context.output.print({ type: "completion", fields: { shell, text }, text });
      return EXIT.ok;
    },
  };
}

/** @throws ChatError USAGE */
async function scriptFor(shell: string, commands: readonly Command[]): Promise<string> {
  const { completionModel } = await import("../completion/model.ts");
  const model = completionModel(commands, GLOBAL_OPTIONS);
  if (shell === "bash") return (await import("../completion/bash.ts")).bashScript(model);
  if (shell === "zsh") return (await import("../completion/zsh.ts")).zshScript(model);
  if (shell === "fish") return (await import("../completion/fish.ts")).fishScript(model);
  throw new ChatError("USAGE", `there is no completion for "${shell}": bash, zsh, fish`);
}

/** For the scripts: one name a line, of a daemon that runs. Names are sealed, and nothing is opened or asked for here. */
async function contactNames(context: CliContext): Promise<string> {
  try {
    const client = await findDaemon(context, PATIENCE_MS);
    if (client === undefined) return "";
    const { contacts } = await client.operations.contactsList();
    client.close();
    const names = contacts.map(({ username }) => username);
    return names.filter((name) => HARMLESS.test(name)).join("\n");
  } catch (error) {
    if (!isChatError(error)) throw error;
    return "";
  }
}
