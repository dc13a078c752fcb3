import { SERVER_LIMITS } from "../../limits.ts";

type Answer<Value> = PromiseWithResolvers<Value | undefined>;

/**
 * Answers all look-ups of one turn of the event loop by one query, and under load all that came while others were under
 * way: it halves the work on both sides.
 */
export class MergedLookup<Key, Value> {
  readonly #findAll: (keys: readonly Key[]) => Promise<ReadonlyMap<Key, Value>>;
  readonly #waiting = new Map<Key, Answer<Value>>();
  #underWay = 0;

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
    while (this.#waiting.size > 0 && this.#underWay < SERVER_LIMITS.lookupsUnderWay) void this.#ask(this.#take());
  }

  #take(): [Key, Answer<Value>][] {
    const taken = this.#waiting.entries().take(SERVER_LIMITS.lookupsPerQuery).toArray();
    for (const [key] of taken) this.#waiting.delete(key);
    return taken;
  }

  async #ask(taken: readonly [Key, Answer<Value>][]): Promise<void> {
    this.#underWay += 1;
    try {
      const found = await this.#findAll(taken.map(([key]) => key));
      for (const [key, { resolve }] of taken) resolve(found.get(key));
    } catch (error) {
      for (const [, { reject }] of taken) reject(error);
    } finally {
      this.#underWay -= 1;
      this.#flush();
    }
  }
}
