import { ChatError } from "../../../shared/errors.ts";
import { readUsername } from "../../../shared/username.ts";
import type { ControlClient } from "../../daemon/control-client.ts";
import { API_OPTIONS, type ApiPlace, readApi, serveApi } from "../api-socket.ts";
import type { Line } from "../chat/attachment.ts";
import type { Keys } from "../chat/conversation.ts";
import type { Lines, Talk } from "../chat/run-chat.ts";
import type { Command } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { type Reached, reachProfile } from "../reach-profile.ts";
import { returnToProfile } from "../return-to-profile.ts";
import { type Held, serveProfile } from "../serve-profile.ts";

const PATIENCE_MS = 10_000;
const NEVER = new AbortController().signal;

export const chat: Command = {
  usage: "chat <to>",
  summary: "a conversation on the whole screen; /help shows what can be done there",
  positionals: { to: "with whom" },
  options: API_OPTIONS,
  completes: { to: "contact" },
  examples: [["p2pchat chat bob", "talk to bob; other contacts are a key away"]],
  run: async (args, context) => {
    assertScreen(context);
    const to = readUsername(args.required("to"));
    const api = readApi(args);
    const { runChat } = await import("../chat/run-chat.ts");
    const keys = keysOf(context);
    await runChat(linesOf(keys, api, context), keys, to, context);
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

function linesOf(keys: Keys, api: ApiPlace | undefined, context: CliContext): Lines {
  return {
    async first(talk) {
      const reached = await reachProfile(context, PATIENCE_MS);
      if (reached.kind === "daemon" && api !== undefined) refuseApi(reached.client);
      await through(reached, talk, api, context);
    },
    async again(talk, { tell, signal, hurry }) {
      tell("the daemon ended: waiting for it");
      const isReady = await opensUnasked(keys, context);
      tell(`the daemon ended: waiting for it; ${isReady ? "/retry goes on without" : "p2pchat listen starts"} it`);
      const reached = await returnToProfile(context, { signal, hurry: isReady ? hurry : NEVER });
      if (reached !== undefined) await through(reached, talk, api, context);
    },
  };
}

/** No passphrase has to be typed. */
async function opensUnasked(keys: Keys, { settings }: CliContext): Promise<boolean> {
  const { passphraseFile, passphraseCommand } = settings;
  return passphraseFile !== undefined || passphraseCommand !== undefined || !(await keys.isSealed());
}

/** @throws ChatError PROFILE_BUSY */
function refuseApi(client: ControlClient): never {
  client.close();
  throw new ChatError(
    "PROFILE_BUSY",
    `process ${client.pid} holds this profile: start that one with --api-socket, or end it`,
    { details: { pid: client.pid } },
  );
}

async function through(reached: Reached, talk: Talk, api: ApiPlace | undefined, context: CliContext): Promise<void> {
  if (reached.kind === "lock") return await talkHere({ ...reached, api }, talk, context);
  const { client } = reached;
  try {
    await talk(client);
  } finally {
    client.close();
  }
}

/** Until it ends, this is also the profile's daemon. */
async function talkHere(
  held: Held & { readonly api: ApiPlace | undefined },
  talk: Talk,
  context: CliContext,
): Promise<void> {
  const options = { presence: false, offline: true, silent: true };
  await serveProfile(held, options, context, async (messenger) => {
    const { operations, presence, feed, goOnline } = messenger;
    await using _api = await serveApi(held.api, messenger);
    const consume: Line["consume"] = async (wanted) => {
      // The first screen stands: what is dear to load comes now.
      setImmediate(() => void goOnline().catch(() => undefined));
      return await feed.consume(wanted);
    };
    await talk({ operations, presence, consume });
  });
}

function keysOf({ dependencies, settings }: CliContext): Keys {
  const open = () => dependencies.openDirectory({ home: settings.home, profile: settings.profile, create: false });
  return {
    isSealed: async () => (await dependencies.loadPrograms()).isSealed(open()),
    checkPassphrase: async (typed) => (await dependencies.loadPrograms()).checkPassphrase(open(), typed),
  };
}
