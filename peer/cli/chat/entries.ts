import type { ChatMessage, HistoryMessage } from "../../messaging/operations.ts";
import type { Entry } from "./model.ts";

export function inboundEntry({ id, from, text, sentAt, receivedAt, path, cursor }: ChatMessage): Entry {
  return { key: `in/${id}`, from, text, sentAt, storedAt: receivedAt, own: false, path, cursor };
}

export function historyEntry(message: HistoryMessage): Entry {
  if (message.direction === "in") return inboundEntry(message);
  const { id, from, text, sentAt, receivedAt, path, cursor, state } = message;
  const entry = { key: `out/${id}`, from, text, sentAt, storedAt: receivedAt, own: true, path, cursor };
  return state === undefined ? entry : { ...entry, state };
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
  const same = before !== undefined && before.state === now.state && before.path === now.path;
  return same && before.text === now.text ? before : now;
}

function keysOf(entries: Stretch): ReadonlySet<string> {
  return new Set(entries.map(({ key }) => key));
}
