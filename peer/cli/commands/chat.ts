import { ChatError } from "../../../shared/errors.ts";
import { readUsername } from "../../../shared/username.ts";
import type { Line } from "../chat/conversation.ts";
import type { Command } from "../command.ts";
import type { CliContext, ProfileDirectory } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { reachProfile } from "../reach-profile.ts";
import { type Held, serveProfile } from "../serve-profile.ts";

const PATIENCE_MS = 10_000;

export const chat: Command = {
  usage: "chat <to>",
  summary: "a conversation on the whole screen; /help shows what can be done there",
  positionals: { to: "with whom" },
  completes: { to: "contact" },
  examples: [["p2pchat chat bob", "talk to bob; other contacts are a key away"]],
  run: async (args, context) => {
    assertScreen(context);
    const to = readUsername(args.required("to"));
    const reached = await reachProfile(context, PATIENCE_MS);
    if (reached.kind === "lock") await chatHere(to, reached, context);
    else {
      const { client } = reached;
      const { operations, presence, consume } = client;
      try {
        await run({ operations, presence, consume, ...passphraseOf(context) }, to, context);
      } finally {
        client.close();
      }
    }
    return context.interruption.by === "SIGINT" ? EXIT.interrupted : EXIT.ok;
  },
};

/** @throws ChatError USAGE */
function assertScreen({ terminal, output }: CliContext): void {
  const { stdin, stdout, env } = terminal;
  if (output.json) throw new ChatError("USAGE", "chat is for people; for programs there are listen and send");
  if (stdin.isTTY !== true || stdout.isTTY !== true) {
    throw new ChatError("USAGE", "chat needs a terminal; use listen, send and history without one");
  }
  if (env["TERM"] === "dumb") throw new ChatError("USAGE", "chat needs a terminal that can move its cursor");
}

/** Until it ends, this is also the profile's daemon. */
async function chatHere(to: string, held: Held, context: CliContext): Promise<void> {
  const options = { presence: false, offline: true, silent: true };
  await serveProfile(held, options, context, async (messenger) => {
    const { operations, presence, feed, goOnline } = messenger;
    const consume: Line["consume"] = async (wanted) => {
      // The first screen stands: what is dear to load comes now.
      setImmediate(() => void goOnline().catch(() => undefined));
      return await feed.consume(wanted);
    };
    await run({ operations, presence, consume, ...passphraseOf(context, held.directory) }, to, context);
  });
}

function passphraseOf(context: CliContext, known?: ProfileDirectory): Pick<Line, "isSealed" | "checkPassphrase"> {
  const { dependencies, settings } = context;
  const open = () => dependencies.openDirectory({ home: settings.home, profile: settings.profile, create: false });
  return {
    isSealed: async () => (await dependencies.loadPrograms()).isSealed(known ?? open()),
    checkPassphrase: async (typed) => (await dependencies.loadPrograms()).checkPassphrase(known ?? open(), typed),
  };
}

async function run(line: Line, to: string, context: CliContext): Promise<void> {
  const { runChat } = await import("../chat/run-chat.ts");
  await runChat(line, to, context);
}
