import type { DatabaseSync } from "node:sqlite";
import { mustRise, notListed } from "./refusals.ts";
import type { MailboxRow } from "./store.ts";

/** Mailbox records in SQLite. Whatever writes is called within the transaction of its cause. */
export class SqliteMailboxes {
  readonly #statements: ReturnType<typeof prepareStatements>;

  constructor(database: DatabaseSync) {
    this.#statements = prepareStatements(database);
  }

  /** @throws ChatError RECORD_CONFLICT, FORBIDDEN */
  put({ name, device, seq, expires, record, isWithdrawn }: MailboxRow): void {
    const { mark, save, find } = this.#statements;
    if (mark.run(seq, isWithdrawn ? null : expires, device, name).changes > 0) {
      save.run(device, record, expires);
      return;
    }
    const current = find.get(device, name);
    if (current === undefined) throw notListed();
    if (current["record"] !== record) throw mustRise("a mailbox record");
  }

  forget(before: number): void {
    this.#statements.unmark.run(before);
    this.#statements.forget.run(before);
  }
}

/** A look-up reads `mailbox_expires` alone where there is none, so `mailboxes` costs only those who have one. */
function prepareStatements(database: DatabaseSync) {
  const sql = (text: string) => database.prepare(text);
  return {
    mark: sql(
      `UPDATE devices SET mailbox_seq = ?1, mailbox_expires = ?2 WHERE device = ?3 AND name = ?4 AND mailbox_seq < ?1`,
    ),
    save: sql(
      `INSERT INTO mailboxes (device, record, expires) VALUES (?, ?, ?)
       ON CONFLICT (device) DO UPDATE SET record = excluded.record, expires = excluded.expires`,
    ),
    find: sql(
      `SELECT m.record FROM devices d LEFT JOIN mailboxes m ON m.device = d.device WHERE d.device = ? AND d.name = ?`,
    ),
    unmark: sql(
      `UPDATE devices SET mailbox_expires = NULL
       WHERE device IN (SELECT device FROM mailboxes WHERE expires < ?)`,
    ),
    forget: sql("DELETE FROM mailboxes WHERE expires < ?"),
  };
}
