import type { Asked, ChatEvent } from "../../peer/messaging/operations/feed.ts";
import type { MessagingPeer } from "./messaging-peer.ts";

/** Reads until `stop`; what was read so far is in `seen`. */
export function listen(peer: MessagingPeer, options: { since?: number } & Asked = {}) {
  const ending = new AbortController();
  const seen: ChatEvent[] = [];
  const reading = (async () => {
    for await (const event of peer.feed.events({ ...options, signal: ending.signal })) seen.push(event);
  })();
  const stop = () => {
    ending.abort();
    return reading;
  };
  return { seen, stop };
}

export function texts(events: readonly ChatEvent[]) {
  return events.map((event) => {
    if (event.type === "message") return event.text;
    return event.type === "gap" ? `gap ${event.fromSeq}-${event.toSeq}` : event.type;
  });
}
