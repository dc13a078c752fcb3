import type { DatabaseSync, StatementSync } from "node:sqlite";
import { isChatError } from "../../shared/errors.ts";
import { isStorageFault, storageError } from "./sqlite-errors.ts";

type Write = { readonly run: () => () => void; readonly reject: (error: unknown) => void };

/**
 * Lets all writes of one turn of the event loop share one transaction, and so one fsync. Each stands in a savepoint: a
 * write that throws is undone alone, and a fault of the database itself fails them all. Promises settle after the commit.
 */
export class GroupCommit {
  readonly #database: DatabaseSync;
  readonly #maxWrites: number;
  readonly #savepoint: StatementSync;
  readonly #release: StatementSync;
  #waiting: Write[] = [];

  constructor(database: DatabaseSync, maxWrites: number) {
    this.#database = database;
    this.#maxWrites = maxWrites;
    this.#savepoint = database.prepare("SAVEPOINT one_write");
    this.#release = database.prepare("RELEASE one_write");
  }

  write<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) setImmediate(() => this.flush());
      const run = () => {
        const value = work();
        return () => resolve(value);
      };
      this.#waiting.push({ run, reject });
    });
  }

  /** Commits everything that waits. */
  flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let start = 0; start < waiting.length; start += this.#maxWrites) {
      this.#commit(waiting.slice(start, start + this.#maxWrites));
    }
  }

  #commit(writes: readonly Write[]): void {
    let settled: (() => void)[];
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      settled = writes.map((write) => this.#attempt(write));
      this.#database.exec("COMMIT");
    } catch (error) {
      for (const { reject } of writes) reject(storageError(error));
      this.#rollBack();
      return;
    }
    for (const settle of settled) settle();
  }

  #attempt({ run, reject }: Write): () => void {
    this.#savepoint.run();
    try {
      const resolve = run();
      this.#release.run();
      return resolve;
    } catch (error) {
      if (!isChatError(error) && isStorageFault(error)) throw error;
      this.#database.exec("ROLLBACK TO one_write; RELEASE one_write");
      return () => reject(error);
    }
  }

  /** On a full disk SQLite may have rolled back by itself. */
  #rollBack(): void {
    if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
  }
}
