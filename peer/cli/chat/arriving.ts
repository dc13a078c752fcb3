import type { ContactView } from "../../messaging/operations/contacts.ts";
import type { ChatEvent, PresenceEvent } from "../../messaging/operations/feed.ts";
import type { ChatMessage } from "../../messaging/operations/messages.ts";
import { describeEvent } from "../describe-event.ts";
import { altered, historyEntry, inboundEntry, withNewest, withOlder } from "./entries.ts";
import {
  type Alteration,
  type Conversation,
  change,
  currentOf,
  type Entry,
  emptyConversation,
  type Happening,
  idOf,
  type State,
  type Step,
} from "./model.ts";
import { scrollTo } from "./reading.ts";

/*
 * What comes from the messenger, and how the conversations stand then.
 */

type Page = Extract<Happening, { type: "page" }>;

export function takePage(state: State, page: Page): Step {
  const entries = page.messages.map(historyEntry);
  const next = change(state, page.with, (one) =>
    page.olderThan === undefined ? withFresh(one, entries, page.older) : withRest(one, entries, page),
  );
  return { state: seekOn(next), effects: [] };
}

/** Where the newest page does not reach back to what is there, what is older goes, and is read again in time. */
function withFresh(one: Conversation, page: readonly Entry[], before: number | null): Conversation {
  const entries = withNewest(one.entries, page);
  const isApart = page.length > 0 && !one.entries.some(({ key }) => key === page[0]?.key);
  if (one.older !== "unasked" && !isApart) return { ...one, entries };
  return { ...one, entries, older: before ?? "none", loading: false };
}

/** What does not stand before what is there came too late. */
function withRest(one: Conversation, page: readonly Entry[], { olderThan, older }: Page): Conversation {
  if (one.older !== olderThan) return one;
  return { ...one, entries: withOlder(one.entries, page), older: older ?? "none", loading: false };
}

/** The hit that is looked for may be there by now. */
export function seekOn(state: State): State {
  const { search } = state;
  const key = search?.hits[search.at];
  if (search === undefined || key === undefined) return state;
  const { entries, older } = currentOf(state);
  const isThere = entries.some((entry) => entry.key === key);
  const next = { ...state, search: { ...search, seeking: !isThere && older !== "none" } };
  if (!isThere || !search.seeking) return next;
  return scrollTo(
    change(next, next.current, (one) => ({ ...one, picked: key })),
    key,
  );
}

export function takeEvent(state: State, event: ChatEvent): State {
  // Another line tells again what was not acknowledged over the one before.
  if (event.type === "message" && event.cursor <= state.taken) return state;
  const taken = "cursor" in event ? { ...state, taken: Math.max(state.taken, event.cursor) } : state;
  switch (event.type) {
    case "message":
      return takeMessage(taken, event);
    case "presence":
      return takePresence(taken, event.username, event.online);
    case "key-change": {
      const contact = { verified: false, keyChanged: true, blocked: false, typing: false };
      const known = taken.conversations.some(({ username }) => username === event.username);
      return known
        ? change(taken, event.username, (one) => ({ ...one, contact: { ...one.contact, ...contact } }))
        : taken;
    }
    case "edit":
      return alter(taken, { with: event.from, id: event.id, alteration: { kind: "edit", text: event.text } });
    case "delete":
      return alter(taken, { with: event.from, id: event.id, alteration: { kind: "delete" } });
    case "reaction":
      return alter(taken, { with: event.from, id: event.id, alteration: { kind: "react", emoji: event.emoji } });
    case "receipt":
      return takeReceipt(taken, event);
    case "typing":
      return change(taken, event.from, (one) => ({ ...one, typingUntilMs: Date.parse(event.until) }));
    case "gap":
    case "error":
      return { ...taken, notice: { kind: "warning", text: describeEvent(event, (text) => text) } };
  }
}

type Theirs = { readonly with: string; readonly id: string; readonly alteration: Alteration };

/** Texts are changed by who wrote them; anybody may react to any. */
function alter(state: State, { with: username, id, alteration }: Theirs): State {
  const isMeant = ({ key, own }: Entry) => idOf(key) === id && (alteration.kind === "react" || !own);
  return alterEntries(state, username, (entry) => (isMeant(entry) ? altered(entry, alteration, username) : entry));
}

export function takeAltered(state: State, done: Extract<Happening, { type: "altered" }>): State {
  const { key, alteration } = done;
  return alterEntries(state, done.with, (entry) => (entry.key === key ? altered(entry, alteration, state.me) : entry));
}

function takeReceipt(state: State, receipt: Extract<ChatEvent, { type: "receipt" }>): State {
  const key = `out/${receipt.id}`;
  return alterEntries(state, receipt.to, (entry) => (entry.key === key ? { ...entry, state: receipt.state } : entry));
}

function alterEntries(state: State, username: string, apply: (entry: Entry) => Entry): State {
  const one = state.conversations.find((known) => known.username === username);
  if (one === undefined) return state;
  return change(state, username, () => ({ ...one, entries: one.entries.map(apply) }));
}

function takeMessage(state: State, message: ChatMessage): State {
  const entry = inboundEntry(message);
  return change(state, message.from, ({ typingUntilMs: _, ...one }) => {
    if (one.unread.some(({ key }) => key === entry.key)) return one;
    // Read from history already: it came while nobody looked.
    const isKnown = one.entries.some(({ key }) => key === entry.key);
    const isAway = one.scroll !== undefined || state.locked !== undefined;
    const isFirst = (isAway && one.unread.length === 0) || (isKnown && one.newFrom === undefined);
    const marked = isFirst ? { ...one, newFrom: entry.key } : one;
    const isMissing = one.older !== "unasked" && !isKnown;
    const unread = [...one.unread, { key: entry.key, cursor: message.cursor }];
    const told = false;
    return { ...marked, told, unread, entries: isMissing ? [...one.entries, entry] : one.entries };
  });
}

export function takePresenceEvent(state: State, event: PresenceEvent): State {
  if (event.type === "presence") return takePresence(state, event.username, event.online);
  const conversations = state.conversations.map(({ online: _, ...one }) => one);
  return { ...state, conversations };
}

function takePresence(state: State, username: string, online: boolean): State {
  const known = state.conversations.some((one) => one.username === username);
  return known ? change(state, username, (one) => ({ ...one, online })) : state;
}

/** Everybody once, in the order of the list; whoever is written to stays, contact or not. */
export function takeContacts(state: State, contacts: readonly ContactView[]): State {
  const known = new Map(state.conversations.map((one) => [one.username, one]));
  const listed = contacts
    .filter(({ username, blocked }) => !blocked || known.has(username))
    .map((contact): Conversation => {
      const one = known.get(contact.username) ?? emptyConversation(contact.username);
      return { ...one, contact };
    });
  const names = new Set(listed.map(({ username }) => username));
  const others = state.conversations.filter(({ username }) => !names.has(username));
  return { ...state, conversations: [...listed, ...others] };
}

/** It has an id now; where history was faster, it is there already. */
export function takeSent(state: State, sent: Extract<Happening, { type: "sent" }>): State {
  const key = `out/${sent.id}`;
  return change(state, sent.with, (one) => {
    const isThere = one.entries.some((entry) => entry.key === key);
    const entries = one.entries.flatMap((entry) => {
      if (entry.key !== sent.local) return [entry];
      return isThere ? [] : [{ ...entry, key, state: sent.state }];
    });
    // It is the same message as before.
    const { newestThen } = one;
    const isAim = newestThen?.own === sent.local;
    return { ...one, entries, ...(isAim && { newestThen: { ...newestThen, own: key } }) };
  });
}

/** Nothing was kept of it: the text goes back to where it was written. */
export function takeUnsent(state: State, unsent: Extract<Happening, { type: "unsent" }>): State {
  const notice = { kind: "warning", text: unsent.reason } as const;
  const next = change(state, unsent.with, (one) => {
    const text = one.entries.find(({ key }) => key === unsent.local)?.text ?? "";
    const entries = one.entries.filter(({ key }) => key !== unsent.local);
    const separator = one.draft.text === "" ? "" : "\n";
    const draft = { text: text + separator + one.draft.text, at: text.length + separator.length + one.draft.at };
    return { ...one, entries, draft };
  });
  return { ...next, notice };
}

export function takeFound(state: State, found: Extract<Happening, { type: "found" }>): State {
  const { search } = state;
  if (search === undefined || found.with !== state.current || search.query !== found.query) return state;
  const hits = found.messages.map((message) => historyEntry(message).key).reverse();
  return seekOn({ ...state, search: { ...search, hits, at: 0, seeking: hits.length > 0 } });
}
