import { isChatError } from "../../shared/errors.ts";
import type { Database } from "../history/database.ts";

type Write = { readonly run: () => () => void; readonly reject: (error: unknown) => void };

const MAX_WRITES = 256;

/**
 * Lets all writes of one turn of the event loop share one transaction, and so one fsync. Promises settle after the
 * commit. A write checks before it changes anything: what it throws then concerns it alone, what the disk refuses
 * concerns all.
 */
export class GroupCommit {
  readonly #database: Pick<Database, "transaction">;
  #waiting: Write[] = [];

  constructor(database: Pick<Database, "transaction">) {
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
      for (const settle of this.#database.transaction(() => writes.map(attempt))) settle();
    } catch (error) {
      for (const { reject } of writes) reject(error);
    }
  }
}

function attempt({ run, reject }: Write): () => void {
  try {
    return run();
  } catch (error) {
    if (!isChatError(error) || isChatError(error, "STORAGE", "STORE_CORRUPT")) throw error;
    return () => reject(error);
  }
}
