import type { Database, Query } from "./database.ts";

/** More than an instance has connections, so that its own transactions rarely meet on one row. */
const SLOTS = 32;

/** An SQL clause that counts a write for each row of a subquery: `$1` is the instance, `$2` the slot, `$3` the time. */
export const countWrite = (from: string) => `
  INSERT INTO writes (instance, slot, count, at) SELECT $1::text, $2::bigint, 1, $3::bigint FROM ${from}
  ON CONFLICT (instance, slot) DO UPDATE SET count = writes.count + 1, at = excluded.at`;

const SUM = {
  name: "foreign-writes",
  text: "SELECT coalesce(sum(count), 0)::bigint AS sum FROM writes WHERE instance <> $1",
};

const FOLD = {
  name: "fold-writes",
  text: `
    WITH gone AS (DELETE FROM writes WHERE instance <> '' AND at < $1 RETURNING count)
    INSERT INTO writes (instance, slot, count, at) SELECT '', 0, sum(count)::bigint, $1 FROM gone HAVING count(*) > 0
    ON CONFLICT (instance, slot) DO UPDATE SET count = writes.count + excluded.count, at = excluded.at`,
};

/**
 * How many writes each instance has made, counted within their transactions: a write that others can see has been
 * counted, so whoever finds the same sum twice has missed nothing. An instance spreads its own over many rows.
 */
export class Writes {
  readonly #database: Database;
  readonly #instance: string;
  #turn = 0;

  constructor(database: Database, instance: string) {
    this.#database = database;
    this.#instance = instance;
  }

  /** The parameters of `countWrite`. */
  next(at: number): [string, number, number] {
    this.#turn = (this.#turn + 1) % SLOTS;
    return [this.#instance, this.#turn, at];
  }

  async foreign(): Promise<number> {
    const { rows } = await this.#database.query<{ sum: number }>(SUM, this.#instance);
    return rows[0]?.sum ?? 0;
  }

  /** Adds the rows of instances that have not written since to one row; the sum stays. */
  async fold(query: Query, before: number): Promise<void> {
    await query(FOLD, before);
  }
}
