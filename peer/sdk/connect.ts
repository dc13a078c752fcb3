import { ChatError } from "../../shared/errors.ts";
import { findDaemon } from "../cli/reach-profile.ts";
import type { ControlClient } from "../daemon/control-client.ts";
import { type Chat, chatOf } from "./chat.ts";
import type { ConnectOptions } from "./options.ts";
import { contextOf, type SdkDependencies } from "./place.ts";

const TIMEOUT_MS = 10_000;

/** As `connect` of the package. */
export async function connectChat(options: ConnectOptions, dependencies: SdkDependencies): Promise<Chat> {
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
    consume: async (reading: Parameters<ControlClient["consume"]>[0]) => consumeAlone(await call(), reading),
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

async function consumeAlone(client: ControlClient, options: Parameters<ControlClient["consume"]>[0]) {
  try {
    return await client.consume(options);
  } catch (error) {
    client.close();
    throw error;
  }
}
