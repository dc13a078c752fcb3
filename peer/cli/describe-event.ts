import type { ChatEvent } from "../messaging/operations/feed.ts";
import { localTime } from "./instant.ts";
import { visibleLine, visibleMessage, visibleReason } from "./visible-text.ts";

/** What happened, for people; lines that are not messages begin with `*`. */
export function describeEvent(event: ChatEvent, strong: (text: string) => string): string {
  switch (event.type) {
    case "message":
      return describeMessage(event, strong);
    case "edit":
      return `* ${visibleLine(event.from)} changed a message (${event.id}): ${visibleMessage(event.text)}`;
    case "delete":
      return `* ${visibleLine(event.from)} took a message back (${event.id})`;
    case "reaction":
      return `* ${visibleLine(event.from)} ${event.emoji === "" ? "takes a reaction back" : visibleLine(event.emoji)} (${event.id})`;
    case "receipt":
      return `* ${event.state} (${event.id})`;
    case "typing":
      return `* ${visibleLine(event.from)} is writing`;
    case "presence":
      return `* ${visibleLine(event.username)} is ${event.online ? "online" : "offline"}`;
    case "key-change":
      return [
        `* the key of ${visibleLine(event.username)} has changed; sending to it is blocked`,
        `  pinned: ${event.oldFingerprint}`,
        `  now:    ${event.newFingerprint}`,
        `  Ask the person, then p2pchat trust ${visibleLine(event.username)}`,
      ].join("\n");
    case "gap":
      return `* ${missing(event)} missing from ${visibleLine(event.from)}`;
    case "error":
      return `* ${event.code}: ${visibleReason(event.message)}`;
  }
}

function describeMessage(
  { receivedAt, from, text, deleted }: Extract<ChatEvent, { type: "message" }>,
  strong: (text: string) => string,
): string {
  const author = `${localTime(receivedAt)} ${strong(visibleLine(from))}`;
  return deleted ? `${author} (taken back):` : `${author}: ${visibleMessage(text)}`;
}

function missing({ fromSeq, toSeq }: Extract<ChatEvent, { type: "gap" }>): string {
  return fromSeq === toSeq ? `message ${fromSeq} is` : `messages ${fromSeq} to ${toSeq} are`;
}
