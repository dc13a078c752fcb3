import type { DatabaseSync } from "node:sqlite";
import { mustRise, relaysFull } from "./refusals.ts";
import type { ListedRelay, RelayRow } from "./store.ts";

/** The list of relays in SQLite. Whatever writes is called within the transaction of its cause. */
export class SqliteRelays {
  readonly #statements: ReturnType<typeof prepareStatements>;

  constructor(database: DatabaseSync) {
    this.#statements = prepareStatements(database);
  }

  /** @throws ChatError RECORD_CONFLICT, RELAYS_FULL */
  put({ relay, seq, expires, record, isWithdrawn, at }: RelayRow, max: number): void {
    const { put, find } = this.#statements;
    if (put.run(relay, seq, record, isWithdrawn ? null : expires, expires, at, max).changes > 0) return;
    const current = find.get(relay);
    if (current === undefined && !isWithdrawn) throw relaysFull();
    if (current !== undefined && current["record"] !== record) throw mustRise("a relay descriptor");
  }

  list(at: number, limit: number): ListedRelay[] {
    return this.#statements.list.all(at, limit) as ListedRelay[];
  }

  forget(before: number): void {
    this.#statements.forget.run(before);
  }
}

function prepareStatements(database: DatabaseSync) {
  const sql = (text: string) => database.prepare(text);
  return {
    put: sql(
      `INSERT INTO relays (relay, seq, record, expires, kept_until) SELECT ?1, ?2, ?3, ?4, ?5
       WHERE EXISTS (SELECT 1 FROM relays WHERE relay = ?1)
         OR (?4 IS NOT NULL AND (SELECT count(*) FROM relays WHERE kept_until > ?6) < ?7)
       ON CONFLICT (relay) DO UPDATE SET seq = excluded.seq, record = excluded.record, expires = excluded.expires,
         kept_until = max(kept_until, excluded.kept_until)
       WHERE seq < excluded.seq`,
    ),
    find: sql("SELECT record FROM relays WHERE relay = ?"),
    list: sql("SELECT relay, record FROM relays WHERE expires > ? ORDER BY relay LIMIT ?"),
    forget: sql("DELETE FROM relays WHERE kept_until < ?"),
  };
}
