import { hex } from "../../shared/bytes.ts";
import type { Content } from "../../shared/content.ts";
import type { Username } from "../../shared/username.ts";
import type { ChatEvent, ChatMessage, HistoryMessage } from "./operations.ts";
import type { Amendment, HistoryEntry, Store, VisibleMessage } from "./store.ts";

type Views = Pick<Store, "amendments" | "contacts">;

/** ISO 8601 in UTC with milliseconds; any instant that Date can hold. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** A message as it stands now, with what was said about it since. */
export function viewMessage(store: Views, message: VisibleMessage): ChatMessage {
  const { messageId, from, sentAtMs, receivedAtMs, seq, path, cursor } = message;
  return {
    id: hex(messageId),
    from,
    ...amended(store, { ...message, author: from }),
    sentAt: isoTime(sentAtMs),
    receivedAt: isoTime(receivedAtMs),
    seq,
    verified: store.contacts.find(from)?.verified ?? false,
    path,
    cursor,
  };
}

/** @param self  whose profile this is */
export function viewEntry(store: Views, entry: HistoryEntry, self: Username): HistoryMessage {
  if (entry.direction === "in") return { ...viewMessage(store, entry), direction: "in" };
  const { messageId, acceptedAtMs, seq, state, path } = entry;
  const at = isoTime(acceptedAtMs);
  return {
    id: hex(messageId),
    from: self,
    ...amended(store, { ...entry, author: self }),
    sentAt: at,
    receivedAt: at,
    seq,
    verified: true,
    path,
    cursor: 0,
    direction: "out",
    state,
  };
}

/** What somebody said about an earlier message; undefined for what is none. */
export function viewChange(
  store: Views,
  { content, from, receivedAtMs, cursor }: VisibleMessage,
): ChatEvent | undefined {
  if (content === undefined || !("target" in content)) return undefined;
  const about = { id: hex(content.target), from, receivedAt: isoTime(receivedAtMs), cursor };
  const said = store.amendments.of(content.target).find(({ author, kind }) => author === from && kind === content.kind);
  if (content.kind === "delete") return { type: "delete", ...about };
  if (content.kind === "edit") return { type: "edit", ...about, text: said?.value ?? "" };
  return { type: "reaction", ...about, emoji: said?.value ?? "" };
}

type Shown = Pick<ChatMessage, "text" | "replyTo" | "expiresAt" | "edited" | "deleted" | "reactions">;

function amended(
  { amendments }: Views,
  message: { messageId: Uint8Array; text: string; content: Content | undefined; author: Username },
): Shown {
  const { messageId, text, content, author } = message;
  const said = amendments.of(messageId);
  // Only authors change what they wrote.
  const by = (kind: Amendment["kind"]) => said.find((one) => one.kind === kind && one.author === author);
  const reactions = said.filter(({ kind, value }) => kind === "reaction" && value !== "");
  const { replyTo, expiresAt } = content?.kind === "text" ? content : {};
  const isDeleted = by("delete") !== undefined;
  const edit = by("edit");
  return {
    text: isDeleted ? "" : (edit?.value ?? text),
    ...(replyTo !== undefined && { replyTo: hex(replyTo) }),
    ...(expiresAt !== undefined && { expiresAt: isoTime(expiresAt) }),
    ...(edit !== undefined && !isDeleted && { edited: true }),
    ...(isDeleted && { deleted: true }),
    ...(reactions.length > 0 && { reactions: reactions.map(({ author: from, value: emoji }) => ({ from, emoji })) }),
  };
}
