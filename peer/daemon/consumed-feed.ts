import { ChatError } from "../../shared/errors.ts";
import type { ChatEvent, Consumer, Feed } from "../messaging/operations.ts";
import { readAcknowledgement, readConsumption } from "./methods.ts";

type Reading = { readonly consumer: Consumer; readonly events: AsyncIterator<ChatEvent> };

/** One caller's reading under a name. It asks for each event, so nothing heaps up for a caller who is busy. */
export class ConsumedFeed {
  readonly #feed: Feed;
  readonly #ended: AbortSignal;
  #reading: Reading | undefined;
  #begun = false;
  #last: Promise<unknown> = Promise.resolve();

  /** @param ended  the caller has gone: its name is free */
  constructor(feed: Feed, ended: AbortSignal) {
    this.#feed = feed;
    this.#ended = ended;
    ended.addEventListener("abort", () => this.#reading?.consumer.close(), { once: true });
  }

  methodOf(name: string): ((params: unknown) => Promise<unknown>) | undefined {
    if (name === "consume") return (params) => this.#begin(params);
    if (name === "nextEvent") return () => this.#next();
    if (name === "acknowledge") return (params) => this.#acknowledge(params);
    return undefined;
  }

  async #begin(params: unknown): Promise<object> {
    if (this.#begun) throw new ChatError("REQUEST_INVALID", "already consuming", { reason: "subscribed" });
    const options = readConsumption(params);
    this.#begun = true;
    try {
      const consumer = await this.#feed.consume(options);
      if (this.#ended.aborted) consumer.close();
      this.#reading = { consumer, events: consumer.events(this.#ended)[Symbol.asyncIterator]() };
      return {};
    } catch (error) {
      this.#begun = false;
      throw error;
    }
  }

  /** Null once nothing more comes. */
  async #next(): Promise<ChatEvent | null> {
    const { events } = this.#current();
    const turn = this.#last.then(() => events.next());
    this.#last = turn.catch(() => undefined);
    const { done, value } = await turn;
    return done ? null : value;
  }

  async #acknowledge(params: unknown): Promise<object> {
    await this.#current().consumer.acknowledge(readAcknowledgement(params).cursor);
    return {};
  }

  #current(): Reading {
    if (this.#reading === undefined)
      throw new ChatError("REQUEST_INVALID", "call consume first", { reason: "request" });
    return this.#reading;
  }
}
