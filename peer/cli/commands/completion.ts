import { ChatError, isChatError } from "../../../shared/errors.ts";
import type { HistoryMessage } from "../../messaging/operations/messages.ts";
import type { Operations } from "../../messaging/operations.ts";
import type { Command, Told } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { GLOBAL_OPTIONS } from "../options.ts";
import { findDaemon } from "../reach-profile.ts";

/** A shell waits for the answer with every key. */
const PATIENCE_MS = 1000;
/** What a shell may be given as it is. */
const HARMLESS = /^[A-Za-z0-9._-]+$/;
/** What somebody may want to name again is recent. */
const RECENT = { talks: 32, messagesOfEach: 10, messages: 20 } as const;

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
      const text = isTold(shell) ? await toldByDaemon(context, TELL[shell]) : await scriptFor(shell, commands());
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

type Tell = (operations: Operations) => Promise<readonly string[]>;

const TELL: Readonly<Record<Told, Tell>> = {
  contact: async ({ contactsList }) => (await contactsList()).contacts.map(({ username }) => username),
  token: async ({ tokenList }) => (await tokenList()).tokens.map(({ name }) => name),
  message: (operations) => recentMessages(operations, () => true),
  "own-message": (operations) => recentMessages(operations, ({ direction }) => direction === "out"),
  "waiting-message": async ({ outboxList }) => [...new Set((await outboxList()).items.map(({ id }) => id))],
};

function isTold(text: string): text is Told {
  return Object.hasOwn(TELL, text);
}

/** For the scripts: one a line, of a daemon that runs. Names are sealed, and nothing is opened or asked for here. */
async function toldByDaemon(context: CliContext, tell: Tell): Promise<string> {
  try {
    const client = await findDaemon(context, PATIENCE_MS);
    if (client === undefined) return "";
    const told = await tell(client.operations);
    client.close();
    return told.filter((word) => HARMLESS.test(word)).join("\n");
  } catch (error) {
    if (!isChatError(error)) throw error;
    return "";
  }
}

/** Ids, newest first. */
async function recentMessages(
  { contactsList, history }: Operations,
  isWanted: (message: HistoryMessage) => boolean,
): Promise<readonly string[]> {
  const { contacts } = await contactsList();
  const talks = contacts.slice(0, RECENT.talks).map(({ username }) => {
    return history({ with: username, limit: RECENT.messagesOfEach });
  });
  return (await Promise.all(talks))
    .flatMap(({ messages }) => messages.filter((message) => isWanted(message) && !message.deleted))
    .toSorted((a, b) => b.sentAt.localeCompare(a.sentAt))
    .slice(0, RECENT.messages)
    .map(({ id }) => id);
}
