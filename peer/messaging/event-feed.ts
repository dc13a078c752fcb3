import { viewChange, viewMessage } from "./message-view.ts";
import type { ChatEvent, Feed } from "./operations.ts";
import { Signal } from "./signal.ts";
import type { Store, VisibleMessage } from "./store.ts";

const PAGE = 64;
/** Whoever reads this slowly loses passing events, never messages: those are read from the store. */
const MAX_PENDING_EVENTS = 256;
/** The reader of `p2pchat listen`. */
const LISTENER = "listen";

type PassingEvent = Exclude<ChatEvent, { cursor: number }>;
type Reader = { readonly signal: Signal; readonly passing: PassingEvent[]; readonly receipts: boolean };

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
    const isEarly = this.#readers.size === 0 && event.type !== "receipt";
    if (isEarly && this.#early.length < MAX_PENDING_EVENTS) this.#early.push(event);
    for (const { signal, passing, receipts } of this.#readers) {
      if (event.type === "receipt" && !receipts) continue;
      if (passing.length < MAX_PENDING_EVENTS) passing.push(event);
      signal.raise();
    }
  }

  shown(cursor: number): void {
    this.#store.cursors.set(LISTENER, cursor);
  }

  async *events(options: { since?: number; receipts?: boolean; signal: AbortSignal }): AsyncIterable<ChatEvent> {
    let cursor = options.since ?? this.#store.cursors.get(LISTENER);
    const { receipts = false } = options;
    const reader: Reader = { signal: new Signal(), passing: this.#early.splice(0), receipts };
    const stop = () => reader.signal.raise();
    this.#readers.add(reader);
    options.signal.addEventListener("abort", stop);
    try {
      while (!options.signal.aborted) {
        yield* reader.passing.splice(0);
        const page = this.#store.inbox.visibleAfter(cursor, PAGE);
        for (const message of page) {
          if (message.gapBefore > 0) yield gapBefore(message);
          const event = this.#event(message);
          if (event !== undefined) yield event;
          cursor = message.cursor;
        }
        if (page.length === 0 && reader.passing.length === 0) await reader.signal.wait();
      }
    } finally {
      this.#readers.delete(reader);
      options.signal.removeEventListener("abort", stop);
    }
  }

  #event(message: VisibleMessage): ChatEvent | undefined {
    if (message.readable) return { type: "message", ...viewMessage(this.#store, message) };
    return message.change ? viewChange(this.#store, message) : undefined;
  }
}

/** Shown alone, a gap before a message does not take that message with it. */
function gapBefore({ from, seq, gapBefore: missing, cursor, readable, change }: VisibleMessage): ChatEvent {
  const place = readable || change ? cursor - 1 : cursor;
  return { type: "gap", from, fromSeq: seq - missing, toSeq: seq - 1, cursor: place };
}
