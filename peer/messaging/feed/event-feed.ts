import { hex } from "../../../shared/bytes.ts";
import { ChatError } from "../../../shared/errors.ts";
import { inboxMode } from "../inbound/inbox-mode.ts";
import { isExpired } from "../inbound/known-message.ts";
import type { Ahead, Asked, ChatEvent, ConsumeOptions, Consumer, Feed, FeedOptions } from "../operations/feed.ts";
import type { Self } from "../self.ts";
import { Signal } from "../signal.ts";
import type { VisibleMessage } from "../store/inbox.ts";
import type { Store } from "../store.ts";
import { viewChange, viewMessage } from "./message-view.ts";

const PAGE = 64;
/** Whoever reads this slowly loses passing events, never messages: those are read from the store. */
const MAX_PENDING_EVENTS = 256;
/** The reader of `p2pchat listen`. */
const LISTENER = "listen";
const NOTHING_AHEAD: Ahead = { done: [], failed: [] };

type PassingEvent = Exclude<ChatEvent, { cursor: number }>;
type Reader = { readonly signal: Signal; readonly passing: PassingEvent[]; readonly asked: FeedOptions };

export type FeedDeps = {
  readonly self: Pick<Self, "username">;
  readonly store: Store;
  /** As `Core.expiryNow`. */
  readonly expiryNow: () => number;
};

/** Messages from the store, in the order of their cursors, and what happens beside them. */
export class EventFeed implements Feed {
  readonly #deps: FeedDeps;
  readonly #store: Store;
  readonly #readers = new Set<Reader>();
  readonly #consumers = new Set<string>();
  /** What happened before anybody read who is told everything: the first such reader gets it. */
  readonly #early: PassingEvent[] = [];
  #isWaking = false;

  constructor(deps: FeedDeps) {
    this.#deps = deps;
    this.#store = deps.store;
  }

  /** Messages became visible. They are read in a later turn: first whoever stored them acknowledges them. */
  wake(): void {
    if (this.#isWaking) return;
    this.#isWaking = true;
    setImmediate(() => {
      this.#isWaking = false;
      for (const { signal } of this.#readers) signal.raise();
    });
  }

  emit(event: PassingEvent): void {
    const isEarly = isForAll(event) && [...this.#readers].every(({ asked }) => asked.narrowed);
    if (isEarly && this.#early.length < MAX_PENDING_EVENTS) this.#early.push(event);
    for (const { signal, passing, asked } of this.#readers) {
      if (!isForAll(event) && !isAskedFor(event, asked)) continue;
      if (passing.length < MAX_PENDING_EVENTS) passing.push(event);
      signal.raise();
    }
  }

  /** Looked up only where somebody asked to hear of it: this comes with every message that is acknowledged. */
  outboxChanged(messageIds: readonly Uint8Array[]): void {
    if (![...this.#readers].some(({ asked }) => asked.receipts)) return;
    const { outbox } = this.#store;
    for (const messageId of messageIds) {
      const to = outbox.ofMessage(messageId)[0]?.to;
      if (to !== undefined) this.emit({ type: "receipt", id: hex(messageId), to, state: outbox.stateOf(messageId) });
    }
  }

  shown(cursor: number): void {
    this.#store.cursors.set(LISTENER, cursor);
  }

  async consume({ consumer, since, ...asked }: ConsumeOptions): Promise<Consumer> {
    if (consumer === undefined) return this.#readUnnamed(since, asked);
    if (this.#consumers.has(consumer)) {
      throw new ChatError("PROFILE_BUSY", `somebody reads as ${consumer} already`, { reason: "consumer" });
    }
    const reader = readerOf(consumer);
    let place = this.#placeOf(reader, since);
    // Who goes back begins anew: nothing of what was kept holds any more, whatever this reader keeps.
    const isAnew = typeof since === "number";
    const ahead = isAnew ? undefined : this.#store.cursors.ahead(reader);
    let handedOut = place;
    const handOut = (event: ChatEvent) => {
      if ("cursor" in event) handedOut = Math.max(handedOut, event.cursor);
    };
    this.#consumers.add(consumer);
    return {
      ...(ahead !== undefined && { ahead }),
      events: (signal) => told(this.events({ since: place, ...asked, signal }), handOut),
      acknowledge: (cursor, beyond) => {
        if (cursor > handedOut) {
          throw new ChatError("REQUEST_INVALID", "no event with that cursor was given out yet", { reason: "cursor" });
        }
        if (cursor <= place && beyond === undefined) return;
        place = Math.max(place, cursor);
        this.#store.cursors.set(reader, place, beyond ?? (isAnew ? NOTHING_AHEAD : undefined));
      },
      close: () => void this.#consumers.delete(consumer),
    };
  }

  #readUnnamed(since: ConsumeOptions["since"], asked: Asked): Consumer {
    const place = typeof since === "number" ? since : this.#store.inbox.newestCursor();
    return {
      events: (signal) => this.events({ since: place, ...asked, signal }),
      acknowledge: () => undefined,
      close: () => undefined,
    };
  }

  #placeOf(reader: string, since: ConsumeOptions["since"]): number {
    const { cursors, inbox } = this.#store;
    if (typeof since === "number") return since;
    const known = cursors.get(reader);
    if (known !== undefined || since === undefined) return known ?? 0;
    const newest = inbox.newestCursor();
    cursors.set(reader, newest);
    return newest;
  }

  async *events(options: FeedOptions): AsyncIterable<ChatEvent> {
    let cursor = options.since ?? this.#store.cursors.get(LISTENER) ?? 0;
    const passing = options.narrowed ? [] : this.#early.splice(0);
    const reader: Reader = { signal: new Signal(), passing, asked: options };
    const stop = () => reader.signal.raise();
    this.#readers.add(reader);
    options.signal.addEventListener("abort", stop);
    try {
      while (!options.signal.aborted) {
        yield* reader.passing.splice(0);
        const page = this.#store.inbox.visibleAfter(cursor, PAGE);
        for (const message of page) {
          if (message.gapBefore > 0 && !this.#isHeld(message)) yield gapBefore(message);
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

  /** Of people who wait to be accepted, nothing is told. */
  #isHeld({ from, readable, change }: VisibleMessage): boolean {
    if (readable || change || inboxMode(this.#store) !== "requests") return false;
    return this.#store.contacts.find(from)?.accepted !== true;
  }

  #event(message: VisibleMessage): ChatEvent | undefined {
    const { self, store, expiryNow } = this.#deps;
    if (isExpired(message, expiryNow())) return undefined;
    if (message.readable) return { type: "message", ...viewMessage(store, message, self.username) };
    return message.change ? viewChange(store, message) : undefined;
  }
}

/** The same events; `tell` hears of each before it is given out. */
async function* told(events: AsyncIterable<ChatEvent>, tell: (event: ChatEvent) => void): AsyncIterable<ChatEvent> {
  for await (const event of events) {
    tell(event);
    yield event;
  }
}

function isForAll({ type }: PassingEvent): boolean {
  return type !== "receipt" && type !== "typing";
}

function isAskedFor({ type }: PassingEvent, { receipts = false, typing = false }: Asked): boolean {
  return type === "receipt" ? receipts : typing;
}

/** Under which name its place is kept; other places are kept beside it. */
function readerOf(consumer: string): string {
  return consumer === LISTENER ? LISTENER : `consumer/${consumer}`;
}

/** Shown alone, a gap before a message does not take that message with it. */
function gapBefore({ from, seq, gapBefore: missing, cursor, readable, change }: VisibleMessage): ChatEvent {
  const place = readable || change ? cursor - 1 : cursor;
  return { type: "gap", from, fromSeq: seq - missing, toSeq: seq - 1, cursor: place };
}
