import type { ChatEvent } from "../../peer/messaging/operations/feed.ts";
import { type Content, encodeContent } from "../../shared/content.ts";
import { LIMITS } from "../../shared/protocol.ts";
import type { MessagingPeer } from "./messaging-peer.ts";
import type { MessagingWorld } from "./messaging-world.ts";

/** An envelope's kind and body. */
export function saying(content: Content) {
  return { kind: content.kind, body: encodeContent(content) };
}

export const idOf = (text: string) =>
  Buffer.from(text.padEnd(LIMITS.messageIdBytes)).subarray(0, LIMITS.messageIdBytes);

/** Everything that a listener is told, from the beginning. */
export async function told(world: MessagingWorld, peer: MessagingPeer): Promise<readonly ChatEvent[]> {
  const stop = new AbortController();
  const found: ChatEvent[] = [];
  const reading = (async () => {
    for await (const event of peer.feed.events({ since: 0, signal: stop.signal })) found.push(event);
  })();
  await world.settle();
  stop.abort();
  await reading;
  return found;
}
