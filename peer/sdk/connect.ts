import { setTimeout as sleep } from "node:timers/promises";
import { ChatError, isChatError } from "../../shared/errors.ts";
import { monotonicMs } from "../cli/monotonic-clock.ts";
import { findDaemon, type ReachContext } from "../cli/reach-profile.ts";
import type { ControlClient } from "../daemon/control-client.ts";
import type { ConsumeOptions, Consumer } from "../messaging/operations/feed.ts";
import { type Chat, chatOf } from "./chat.ts";
import type { ConnectOptions } from "./options.ts";
import { contextOf } from "./place.ts";

const TIMEOUT_MS = 10_000;
const NAME_PATIENCE_MS = 1000;
const POLL_MS = 25;

/** As `connect` of the package. */
export async function connectChat(options: ConnectOptions, dependencies: ReachContext["dependencies"]): Promise<Chat> {
  const closing = new AbortController();
  const context = contextOf(options, dependencies, closing.signal);
  const call = async (): Promise<ControlClient> => {
    const client = await findDaemon(context, options.timeoutMs ?? TIMEOUT_MS);
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

/** A name whose last reader has just gone becomes free when the daemon has noticed. */
async function consumeAlone(client: ControlClient, options: ConsumeOptions): Promise<Consumer> {
  const start = monotonicMs();
  try {
    for (;;) {
      const answer = await client.consume(options).catch((error: unknown) => {
        const isHeld = isChatError(error, "PROFILE_BUSY") && error.reason === "consumer";
        if (!isHeld || monotonicMs() - start > NAME_PATIENCE_MS) throw error;
      });
      if (answer !== undefined) return answer;
      await sleep(POLL_MS);
    }
  } catch (error) {
    client.close();
    throw error;
  }
}
