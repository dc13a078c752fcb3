import { SERVER_LIMITS } from "../../limits.ts";

type Answer<Value> = PromiseWithResolvers<Value | undefined>;

/** Answers all look-ups of one turn of the event loop by one query: it halves the work on both sides. */
export class MergedLookup<Key, Value> {
  readonly #findAll: (keys: readonly Key[]) => Promise<ReadonlyMap<Key, Value>>;
  #waiting = new Map<Key, Answer<Value>>();

  constructor(findAll: (keys: readonly Key[]) => Promise<ReadonlyMap<Key, Value>>) {
    this.#findAll = findAll;
  }

  find(key: Key): Promise<Value | undefined> {
    const asked = this.#waiting.get(key);
    if (asked !== undefined) return asked.promise;
    if (this.#waiting.size === 0) setImmediate(() => this.#flush());
    const answer = Promise.withResolvers<Value | undefined>();
    this.#waiting.set(key, answer);
    return answer.promise;
  }

  #flush(): void {
    const waiting = [...this.#waiting];
    this.#waiting = new Map();
    for (let start = 0; start < waiting.length; start += SERVER_LIMITS.lookupsPerQuery) {
      void this.#ask(waiting.slice(start, start + SERVER_LIMITS.lookupsPerQuery));
    }
  }

  async #ask(waiting: readonly [Key, Answer<Value>][]): Promise<void> {
    try {
      const found = await this.#findAll(waiting.map(([key]) => key));
      for (const [key, { resolve }] of waiting) resolve(found.get(key));
    } catch (error) {
      for (const [, { reject }] of waiting) reject(error);
    }
  }
}
