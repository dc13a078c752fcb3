import { hex } from "../../shared/bytes.ts";
import type { ChatEvent, ChatMessage, Feed } from "./operations.ts";
import { Signal } from "./signal.ts";
import type { Store, VisibleMessage } from "./store.ts";

const PAGE = 64;
/** Whoever reads this slowly loses passing events, never messages: those are read from the store. */
const MAX_PENDING_EVENTS = 256;
/** The reader of `p2pchat listen`. */
const LISTENER = "listen";

type PassingEvent = Exclude<ChatEvent, { type: "message" | "gap" }>;
type Reader = { readonly signal: Signal; readonly passing: PassingEvent[] };

/** Messages from the store, in the order of their cursors, and what happens beside them. */
export class EventFeed implements Feed {
  readonly #store: Store;
  readonly #readers = new Set<Reader>();
  /** What happened before anybody read: the first reader gets it. */
  readonly #early: PassingEvent[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  /** Messages became visible. */
  wake(): void {
    for (const { signal } of this.#readers) signal.raise();
  }

  emit(event: PassingEvent): void {
    if (this.#readers.size === 0 && this.#early.length < MAX_PENDING_EVENTS) this.#early.push(event);
    for (const { signal, passing } of this.#readers) {
      if (passing.length < MAX_PENDING_EVENTS) passing.push(event);
      signal.raise();
    }
  }

  shown(cursor: number): void {
    this.#store.cursors.set(LISTENER, cursor);
  }

  async *events(options: { since?: number; signal: AbortSignal }): AsyncIterable<ChatEvent> {
    let cursor = options.since ?? this.#store.cursors.get(LISTENER);
    const reader: Reader = { signal: new Signal(), passing: this.#early.splice(0) };
    const stop = () => reader.signal.raise();
    this.#readers.add(reader);
    options.signal.addEventListener("abort", stop);
    try {
      while (!options.signal.aborted) {
        yield* reader.passing.splice(0);
        const page = this.#store.inbox.visibleAfter(cursor, PAGE);
        for (const message of page) {
          if (message.gapBefore > 0) yield gapBefore(message);
          if (message.readable) yield { type: "message", ...this.#view(message) };
          cursor = message.cursor;
        }
        if (page.length === 0 && reader.passing.length === 0) await reader.signal.wait();
      }
    } finally {
      this.#readers.delete(reader);
      options.signal.removeEventListener("abort", stop);
    }
  }

  #view(message: VisibleMessage): ChatMessage {
    return viewMessage(message, this.#store.contacts.find(message.from)?.verified ?? false);
  }
}

export function viewMessage(message: VisibleMessage, verified: boolean): ChatMessage {
  return {
    id: hex(message.messageId),
    from: message.from,
    text: message.text,
    sentAt: isoTime(message.sentAtMs),
    receivedAt: isoTime(message.receivedAtMs),
    seq: message.seq,
    verified,
    path: message.path,
    cursor: message.cursor,
  };
}

/** Shown alone, a gap before a message does not take that message with it. */
function gapBefore({ from, seq, gapBefore: missing, cursor, readable }: VisibleMessage): ChatEvent {
  const place = readable ? cursor - 1 : cursor;
  return { type: "gap", from, fromSeq: seq - missing, toSeq: seq - 1, cursor: place };
}

/** ISO 8601 in UTC with milliseconds; any instant that Date can hold. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
