import { hex } from "../../../shared/bytes.ts";
import type { Username } from "../../../shared/username.ts";
import type { ChatEvent } from "../operations/feed.ts";
import type { ChatMessage, HistoryMessage } from "../operations/messages.ts";
import type { Amendment, HistoryEntry } from "../store/history.ts";
import type { VisibleMessage } from "../store/inbox.ts";
import type { Store } from "../store.ts";

type Views = Pick<Store, "amendments" | "contacts">;

/** ISO 8601 in UTC with milliseconds; any instant that Date can hold. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** A message as it stands now, with what was said about it since. @param self  whose profile this is */
export function viewMessage(store: Views, message: VisibleMessage, self: Username): ChatMessage {
  const { messageId, from, sentAtMs, receivedAtMs, seq, path, cursor } = message;
  return {
    id: hex(messageId),
    from,
    ...amended(store, { ...message, author: from, reader: self }),
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
  if (entry.direction === "in") return { ...viewMessage(store, entry, self), direction: "in" };
  const { messageId, acceptedAtMs, seq, state, path } = entry;
  const at = isoTime(acceptedAtMs);
  return {
    id: hex(messageId),
    from: self,
    ...amended(store, { ...entry, author: self, reader: entry.to }),
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

/**
 * What somebody said about an earlier message; undefined for what is none, and for a word that nothing is left of, because
 * its message was deleted or has expired.
 */
export function viewChange(
  store: Views,
  { content, from, receivedAtMs, cursor }: VisibleMessage,
): ChatEvent | undefined {
  if (content === undefined || !("target" in content)) return undefined;
  const about = { id: hex(content.target), from, receivedAt: isoTime(receivedAtMs), cursor };
  if (content.kind === "delete") return { type: "delete", ...about };
  const said = store.amendments.of(content.target).filter(({ author }) => author === from);
  const value = said.find(({ kind }) => kind === content.kind)?.value;
  if (value === undefined) return undefined;
  if (content.kind === "reaction") return { type: "reaction", ...about, emoji: value };
  return said.some(({ kind }) => kind === "delete") ? undefined : { type: "edit", ...about, text: value };
}

type Shown = Pick<ChatMessage, "text" | "replyTo" | "expiresAt" | "edited" | "deleted" | "reactions">;

type Amendable = Pick<VisibleMessage, "messageId" | "text" | "content" | "expiresAtMs"> & {
  readonly author: Username;
  /** The other one of the two. */
  readonly reader: Username;
};

function amended({ amendments }: Views, message: Amendable): Shown {
  const { messageId, text, content, author, reader, expiresAtMs } = message;
  const said = amendments.of(messageId);
  // Only authors change what they wrote.
  const by = (kind: Amendment["kind"]) => said.find((one) => one.kind === kind && one.author === author);
  const isTheirs = (one: Amendment) => one.author === author || one.author === reader;
  const reactions = said.filter((one) => one.kind === "reaction" && one.value !== "" && isTheirs(one));
  const replyTo = content?.kind === "text" ? content.replyTo : undefined;
  const isDeleted = by("delete") !== undefined;
  const edit = by("edit");
  return {
    text: isDeleted ? "" : (edit?.value ?? text),
    ...(replyTo !== undefined && { replyTo: hex(replyTo) }),
    ...(expiresAtMs !== undefined && { expiresAt: isoTime(expiresAtMs) }),
    ...(edit !== undefined && !isDeleted && { edited: true }),
    ...(isDeleted && { deleted: true }),
    ...(reactions.length > 0 && { reactions: reactions.map(({ author: from, value: emoji }) => ({ from, emoji })) }),
  };
}
