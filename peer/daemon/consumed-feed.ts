import { ChatError } from "../../shared/errors.ts";
import type { ChatEvent, ConsumeOptions, Consumer, Feed } from "../messaging/operations/feed.ts";
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

  /** Undefined where the method is another's. @throws ChatError REQUEST_INVALID */
  read(method: string, params: unknown): (() => Promise<unknown>) | undefined {
    if (method === "consume") return this.#readConsume(params);
    if (method !== "nextEvent" && method !== "acknowledge") return undefined;
    const reading = this.#reading;
    if (reading === undefined) throw new ChatError("REQUEST_INVALID", "call consume first", { reason: "request" });
    if (method === "nextEvent") return () => this.#next(reading);
    const { cursor, ahead } = readAcknowledgement(params);
    return async () => {
      await reading.consumer.acknowledge(cursor, ahead);
      return {};
    };
  }

  #readConsume(params: unknown): () => Promise<object> {
    if (this.#begun) throw new ChatError("REQUEST_INVALID", "already consuming", { reason: "subscribed" });
    const options = readConsumption(params);
    return () => this.#begin(options);
  }

  async #begin(options: ConsumeOptions): Promise<object> {
    this.#begun = true;
    try {
      const consumer = await this.#feed.consume(options);
      if (this.#ended.aborted) consumer.close();
      this.#reading = { consumer, events: consumer.events(this.#ended)[Symbol.asyncIterator]() };
      return { ahead: consumer.ahead };
    } catch (error) {
      this.#begun = false;
      throw error;
    }
  }

  /** Null once nothing more comes. */
  async #next({ events }: Reading): Promise<ChatEvent | null> {
    const turn = this.#last.then(() => events.next());
    this.#last = turn.catch(() => undefined);
    const { done, value } = await turn;
    return done ? null : value;
  }
}
