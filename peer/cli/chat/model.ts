import type { ContactView } from "../../messaging/operations/contacts.ts";
import type { ChatEvent, PresenceEvent } from "../../messaging/operations/feed.ts";
import type { DeliveryState, HistoryMessage } from "../../messaging/operations/messages.ts";
import type { Path } from "../../messaging/path.ts";
import type { Input } from "./keys.ts";
import { EMPTY_INPUT, type TextInput } from "./text-input.ts";

export type Size = { readonly columns: number; readonly rows: number };

/** A message on the screen. */
export type Entry = {
  /** `in/<id>` or `out/<id>`; `new/<n>` until it has an id. */
  readonly key: string;
  readonly from: string;
  readonly text: string;
  readonly sentAt: string;
  readonly own: boolean;
  /** Of one's own; `sending` until it is safe. */
  readonly state?: DeliveryState | "sending";
  readonly path: Path | null;
  readonly cursor: number;
  /** The id of the message that this one answers. */
  readonly replyTo?: string;
  readonly expiresAt?: string;
  readonly edited?: true;
  readonly deleted?: true;
  readonly reactions?: readonly Reaction[];
};

export type Reaction = { readonly from: string; readonly emoji: string };

/** What is done to a message that is there already. */
export type Alteration =
  | { readonly kind: "edit"; readonly text: string }
  | { readonly kind: "delete" }
  | { readonly kind: "react"; readonly emoji: string };

/** The last row that is seen: so many rows of that entry. Undefined: the newest, whatever comes. */
export type Scroll = { readonly key: string; readonly row: number } | undefined;

export type Unread = { readonly key: string; readonly cursor: number };

export type Conversation = {
  readonly username: string;
  readonly entries: readonly Entry[];
  /** The place in history before which what is older than the first entry stands; none behind its first message. */
  readonly older: "unasked" | "none" | number;
  /** That rest was asked for. */
  readonly loading: boolean;
  readonly scroll: Scroll;
  readonly unread: readonly Unread[];
  /** The entry above which a line says "new". */
  readonly newFrom?: string;
  /** The entry that the next order is about. */
  readonly picked?: string;
  /** The entry whose text was put into the draft: until that is sent or given up, orders are about this one. */
  readonly editing?: string;
  /** The newest entries of each side when the order that stands in the draft was begun. */
  readonly newestThen?: Newest;
  /** That everything was seen has been said. */
  readonly told: boolean;
  readonly draft: TextInput;
  /** What was sent or ordered, oldest first. */
  readonly said: readonly string[];
  /** Which of it stands where the draft stood that was kept. */
  readonly recalled?: { readonly at: number; readonly kept: TextInput };
  /** They are writing, until then if nothing more is heard of it. */
  readonly typingUntilMs?: number;
  /** Undefined while nobody knows. */
  readonly online?: boolean;
  readonly contact?: Pick<ContactView, "verified" | "keyChanged" | "blocked" | "typing">;
};

export type Newest = { readonly own: string | undefined; readonly theirs: string | undefined };

export type Search = {
  readonly input: TextInput;
  /** What was found, newest first, for `query`. */
  readonly query?: string;
  readonly hits: readonly string[];
  readonly at: number;
  /** The hit is older than what is loaded. */
  readonly seeking: boolean;
};

export type Notice = { readonly text: string; readonly kind: "talk" | "warning" };

export type State = {
  readonly size: Size;
  readonly me: string;
  readonly conversations: readonly Conversation[];
  /** The username of the one that is shown. */
  readonly current: string;
  readonly notice?: Notice;
  readonly search?: Search;
  /** The help is shown, from that row on. */
  readonly help?: number;
  /** What was last taken out of what is written. */
  readonly killed?: string;
  /** Ctrl+C once more leaves. */
  readonly leaving?: true;
  /** There is no line: what is waited for. */
  readonly detached?: string;
  /** What is typed to unlock. */
  readonly locked?: { readonly typed: string; readonly checking: boolean; readonly wrong?: string };
  /** Up to here, everything was taken in from the feed. */
  readonly taken: number;
  /** Up to here, everything was seen. */
  readonly seen: number;
  readonly nextLocal: number;
  /** No other window's. */
  readonly nonce: string;
  /** Milliseconds since the Unix epoch: which day is today. */
  readonly nowMs: number;
};

/** What happens to the screen. */
export type Happening =
  | { readonly type: "input"; readonly input: Input }
  | { readonly type: "resize"; readonly size: Size }
  | { readonly type: "clock"; readonly nowMs: number }
  | { readonly type: "me"; readonly username: string }
  | { readonly type: "contacts"; readonly contacts: readonly ContactView[] }
  /** A page of history: the newest, or what stands before that place. */
  | {
      readonly type: "page";
      readonly with: string;
      readonly olderThan?: number;
      readonly messages: readonly HistoryMessage[];
      readonly older: number | null;
    }
  | {
      readonly type: "sent";
      readonly with: string;
      readonly local: string;
      readonly id: string;
      readonly state: DeliveryState;
    }
  /** An own alteration of an entry is safe. */
  | { readonly type: "altered"; readonly with: string; readonly key: string; readonly alteration: Alteration }
  | { readonly type: "unsent"; readonly with: string; readonly local: string; readonly reason: string }
  | {
      readonly type: "found";
      readonly with: string;
      readonly query: string;
      readonly messages: readonly HistoryMessage[];
    }
  | { readonly type: "event"; readonly event: ChatEvent }
  | { readonly type: "presence"; readonly event: PresenceEvent }
  | { readonly type: "notice"; readonly notice: Notice }
  /** A line is there, the first one or another one. */
  | { readonly type: "attached" }
  /** The line is gone. */
  | { readonly type: "detached"; readonly hint: string }
  | { readonly type: "locked" }
  | { readonly type: "unlocked" }
  | { readonly type: "still-locked"; readonly reason: string };

/** What is to be done about it, by whoever runs the screen. */
export type Effect =
  | { readonly do: "load"; readonly with: string; readonly olderThan?: number; readonly limit: number }
  | {
      readonly do: "send";
      readonly with: string;
      readonly local: string;
      /** The same again is the same message. */
      readonly id: string;
      readonly text: string;
      readonly replyTo?: string;
    }
  | { readonly do: "alter"; readonly with: string; readonly key: string; readonly alteration: Alteration }
  | { readonly do: "read"; readonly with: string }
  | { readonly do: "typing"; readonly with: string }
  | { readonly do: "accept"; readonly with: string }
  | { readonly do: "search"; readonly with: string; readonly query: string }
  | { readonly do: "seen"; readonly cursor: number }
  | { readonly do: "retry" }
  | { readonly do: "lock" }
  | { readonly do: "unlock"; readonly passphrase: string }
  | { readonly do: "redraw" }
  | { readonly do: "quit" };

export type Step = { readonly state: State; readonly effects: readonly Effect[] };

export const PAGE = 200;

export function emptyConversation(username: string): Conversation {
  const unread = { entries: [], older: "unasked", loading: false, scroll: undefined, unread: [], told: false } as const;
  return { username, ...unread, draft: EMPTY_INPUT, said: [] };
}

export function initialState(options: { size: Size; to: string; nowMs: number; nonce: string }): State {
  const { size, to, nowMs, nonce } = options;
  return {
    size,
    me: "",
    conversations: [emptyConversation(to)],
    current: to,
    taken: 0,
    seen: 0,
    nextLocal: 1,
    nonce,
    nowMs,
  };
}

/** Says the same each time: what was sent twice is one message. */
export function sendingOf(state: State, username: string, { key, text, replyTo }: Entry): Effect {
  const id = `chat/${state.nonce}/${key}`;
  return { do: "send", with: username, local: key, id, text, ...(replyTo !== undefined && { replyTo }) };
}

/** The id that operations know a message by; undefined until it has one. */
export function idOf(key: string): string | undefined {
  return key.startsWith("new/") ? undefined : key.slice(key.indexOf("/") + 1);
}

export function currentOf({ conversations, current }: State): Conversation {
  return conversations.find(({ username }) => username === current) ?? emptyConversation(current);
}

/** The key of the entry that the next order is about; undefined: the newest that fits. */
export function aimOf({ editing, picked }: Conversation): string | undefined {
  return editing ?? picked;
}

export function change(state: State, username: string, apply: (before: Conversation) => Conversation): State {
  const known = state.conversations.some((one) => one.username === username);
  const all = known ? state.conversations : [...state.conversations, emptyConversation(username)];
  return { ...state, conversations: all.map((one) => (one.username === username ? apply(one) : one)) };
}

/** Nothing is to be done about it. */
export function still(state: State): Step {
  return { state, effects: [] };
}

export function warn(state: State, text: string): State {
  return { ...state, notice: { kind: "warning", text } };
}
