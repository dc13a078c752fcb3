import { isChatError } from "../../shared/errors.ts";
import type { Database } from "../history/database.ts";

type Write = { readonly run: () => () => void; readonly reject: (error: unknown) => void };

const MAX_WRITES = 256;

/**
 * Lets all writes of one turn of the event loop share one transaction, and so one fsync. Promises settle after the
 * commit. What a write throws undoes that write alone; what the disk refuses concerns all.
 */
export class GroupCommit {
  readonly #database: Pick<Database, "transaction" | "part">;
  #waiting: Write[] = [];

  constructor(database: Pick<Database, "transaction" | "part">) {
    this.#database = database;
  }

  write<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#flush());
      const run = () => {
        const value = work();
        return () => resolve(value);
      };
      this.#waiting.push({ run, reject });
    });
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let start = 0; start < waiting.length; start += MAX_WRITES) {
      this.#commit(waiting.slice(start, start + MAX_WRITES));
    }
  }

  #commit(writes: readonly Write[]): void {
    try {
      for (const settle of this.#database.transaction(() => writes.map((write) => this.#attempt(write)))) {
        settle();
      }
    } catch (error) {
      for (const { reject } of writes) reject(error);
    }
  }

  #attempt({ run, reject }: Write): () => void {
    try {
      return this.#database.part(run);
    } catch (error) {
      if (isChatError(error, "STORAGE", "STORE_CORRUPT")) throw error;
      return () => reject(error);
    }
  }
}
