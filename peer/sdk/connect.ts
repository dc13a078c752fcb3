import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ChatError, isChatError } from "../../shared/errors.ts";
import { monotonicMs } from "../cli/monotonic-clock.ts";
import { findDaemon, type ReachContext } from "../cli/reach-profile.ts";
import { connectWithToken, type ServedClient } from "../daemon/control-client.ts";
import type { ConsumeOptions, Consumer } from "../messaging/operations/feed.ts";
import { type Chat, chatOf } from "./chat.ts";
import type { ConnectOptions, TokenOptions } from "./options.ts";
import { contextOf } from "./place.ts";

const TIMEOUT_MS = 10_000;
const NAME_PATIENCE_MS = 1000;
/** Doubled each time: whoever has a token has only so many requests. */
const FIRST_WAIT_MS = 25;

/** As `connect` of the package. */
export async function connectChat(
  options: ConnectOptions | TokenOptions,
  dependencies: ReachContext["dependencies"],
): Promise<Chat> {
  const closing = new AbortController();
  const find = finderOf(options, dependencies, closing.signal);
  const call = async (): Promise<ServedClient> => {
    const client = await find();
    if (client !== undefined) return client;
    const advice = "no daemon answers for this profile; p2pchat listen starts one";
    throw new ChatError("PEER_UNREACHABLE", advice, { reason: "daemon" });
  };
  const client = await call();
  const source = {
    operations: client.operations,
    // Readings have connections of their own: each ends with its own.
    consume: async (reading: ConsumeOptions) => consumeAlone(await call(), reading),
    async *presence(signal: AbortSignal) {
      const own = await call();
      try {
        yield* own.presence.events(signal);
      } finally {
        own.close();
      }
    },
    close: () => client.close(),
  };
  return chatOf(source, closing);
}

function finderOf(
  options: ConnectOptions | TokenOptions,
  dependencies: ReachContext["dependencies"],
  signal: AbortSignal,
): () => Promise<ServedClient | undefined> {
  const { timeoutMs = TIMEOUT_MS } = options;
  if (options.apiSocket !== undefined) {
    const { apiSocket: path, token } = options;
    return () => connectWithToken({ path: resolve(path), token, timeoutMs, signal });
  }
  // Whoever has a token must not find themselves with all that the owner may do.
  if (options.token !== undefined) throw new ChatError("USAGE", "a token goes with apiSocket");
  const context = contextOf(options, dependencies, signal);
  return () => findDaemon(context, timeoutMs);
}

/** A name whose last reader has just gone becomes free when the daemon has noticed. */
async function consumeAlone(client: ServedClient, options: ConsumeOptions): Promise<Consumer> {
  const start = monotonicMs();
  try {
    for (let waitMs = FIRST_WAIT_MS; ; waitMs *= 2) {
      const answer = await client.consume(options).catch((error: unknown) => {
        const isHeld = isChatError(error, "PROFILE_BUSY") && error.reason === "consumer";
        if (!isHeld || monotonicMs() - start > NAME_PATIENCE_MS) throw error;
      });
      if (answer !== undefined) return answer;
      await sleep(waitMs);
    }
  } catch (error) {
    client.close();
    throw error;
  }
}
