import type { ChatMessage, HistoryMessage } from "../../messaging/operations/messages.ts";
import type { Alteration, Entry } from "./model.ts";

export function inboundEntry(message: ChatMessage): Entry {
  return { key: `in/${message.id}`, own: false, ...commonOf(message) };
}

export function historyEntry(message: HistoryMessage): Entry {
  if (message.direction === "in") return inboundEntry(message);
  const { id, state } = message;
  return { key: `out/${id}`, own: true, ...commonOf(message), ...(state !== undefined && { state }) };
}

function commonOf(message: ChatMessage): Omit<Entry, "key" | "own"> {
  const { from, text, sentAt, path, cursor, replyTo, expiresAt, edited, deleted, reactions } = message;
  return {
    ...{ from, text, sentAt, path, cursor },
    ...(replyTo !== undefined && { replyTo }),
    ...(expiresAt !== undefined && { expiresAt }),
    ...(edited && { edited }),
    ...(deleted && { deleted }),
    ...(reactions !== undefined && { reactions }),
  };
}

/** The entry as it is with that done to it by that person. */
export function altered(entry: Entry, alteration: Alteration, by: string): Entry {
  switch (alteration.kind) {
    case "edit":
      return { ...entry, text: alteration.text, edited: true };
    case "delete":
      return { ...entry, text: "", deleted: true };
    case "react": {
      const { emoji } = alteration;
      const others = (entry.reactions ?? []).filter(({ from }) => from !== by);
      return { ...entry, reactions: emoji === "" ? others : [...others, { from: by, emoji }] };
    }
  }
}

/** Entries with nothing in between that is not among them, oldest first. */
type Stretch = readonly Entry[];

/** What is older comes before what is there; a message that is there already stays where it is. */
export function withOlder(entries: Stretch, page: Stretch): Stretch {
  const known = keysOf(entries);
  return [...page.filter(({ key }) => !known.has(key)), ...entries];
}

/**
 * The newest page as history has it now: its order and states hold from where it begins. What came since it was read, or
 * has no id yet, stays behind it. Where it does not reach back to what is there, what is older goes.
 */
export function withNewest(entries: Stretch, page: Stretch): Stretch {
  if (page.length === 0) return entries;
  const fresh = keysOf(page);
  const first = entries.findIndex(({ key }) => fresh.has(key));
  const last = entries.findLastIndex(({ key }) => fresh.has(key));
  const newest = Math.max(...page.map(({ cursor }) => cursor));
  const before = first === -1 ? [] : entries.slice(0, first);
  const behind = entries.slice(last + 1).filter(({ key, cursor }) => key.startsWith("new/") || cursor > newest);
  const known = new Map(entries.map((entry) => [entry.key, entry]));
  return [...before, ...page.map((entry) => keepIfEqual(known.get(entry.key), entry)), ...behind];
}

/** The same object where nothing changed: what was laid out stays laid out. */
function keepIfEqual(before: Entry | undefined, now: Entry): Entry {
  return before !== undefined && JSON.stringify(before) === JSON.stringify(now) ? before : now;
}

function keysOf(entries: Stretch): ReadonlySet<string> {
  return new Set(entries.map(({ key }) => key));
}
