import type { DatabaseSync } from "node:sqlite";
import { ChatError } from "../../shared/errors.ts";
import type { Username } from "../../shared/username.ts";
import { type DeviceColumns, toDevice } from "./device-columns.ts";
import { keyInUse } from "./refusals.ts";
import type { SqliteAllowances } from "./sqlite-allowances.ts";
import type { SqlitePresence } from "./sqlite-presence.ts";
import type { Draw, RecordRow, StoredName, StoredRecord, Terms } from "./store.ts";

type Beside = { readonly presence: SqlitePresence; readonly allowances: SqliteAllowances };

/** Names and their records in SQLite. Whatever writes is called within the transaction of its cause. */
export class SqliteNames {
  readonly #statements: ReturnType<typeof prepareStatements>;
  readonly #beside: Beside;

  constructor(database: DatabaseSync, beside: Beside) {
    this.#statements = prepareStatements(database);
    this.#beside = beside;
  }

  has(name: Username): boolean {
    return this.#hashOf(name) !== undefined;
  }

  find(name: Username): StoredName | undefined {
    const rows = this.#statements.find.all(name) as (StoredRecord & DeviceColumns & { log_index: number })[];
    const [first] = rows;
    if (first === undefined) return undefined;
    const { seq, hash, record, log_index: logIndex } = first;
    return { seq, hash, record, logIndex, devices: rows.map(toDevice) };
  }

  listRecords(name: Username, after: number, limit: number): readonly StoredRecord[] | undefined {
    if (!this.has(name)) return undefined;
    return this.#statements.listRecords.all(name, after, limit) as StoredRecord[];
  }

  /** @throws ChatError USERNAME_TAKEN, USERNAME_CONFUSABLE, KEY_IN_USE; as the allowances do */
  create(row: RecordRow, { draw, invite }: Terms): "created" | "repeated" {
    const { name, skeleton, identity, seq, hash } = row;
    if (this.#statements.insert.run(name, skeleton, identity, seq, hash).changes === 0) {
      if (this.#hashOf(name) === hash) return "repeated";
      throw this.#whyRefused(row);
    }
    this.#insertRecord(row);
    const { allowances } = this.#beside;
    if (draw !== undefined) allowances.draw(draw, row.acceptedAt);
    if (invite !== undefined) allowances.useInvite(invite, row.acceptedAt);
    return "created";
  }

  /** @throws ChatError RECORD_CONFLICT, KEY_IN_USE; as the allowances do */
  replace(row: RecordRow, previous: string, draw: Draw | undefined): "replaced" | "repeated" {
    const { name, identity, seq, hash, devices, acceptedAt } = row;
    if (this.#statements.update.run(identity, seq, hash, name, previous).changes === 0) {
      const current = this.#hashOf(name);
      if (current === hash) return "repeated";
      if (current === previous) throw keyInUse("identity");
      throw new ChatError("RECORD_CONFLICT", "another record has come first");
    }
    this.#beside.presence.othersLeft(name, devices, acceptedAt);
    this.#statements.deleteOtherDevices.run(name, JSON.stringify(devices));
    this.#insertRecord(row);
    if (draw !== undefined) this.#beside.allowances.draw(draw, acceptedAt);
    return "replaced";
  }

  #insertRecord({ name, seq, hash, record, devices, acceptedAt }: RecordRow): void {
    this.#statements.insertRecord.run(name, seq, hash, record, acceptedAt);
    for (const device of devices) {
      if (this.#statements.insertDevice.run(device, name).changes === 0) throw keyInUse("device");
    }
  }

  #hashOf(name: Username): unknown {
    return this.#statements.findHash.get(name)?.hash;
  }

  #whyRefused({ name, skeleton }: RecordRow): ChatError {
    if (this.has(name)) return new ChatError("USERNAME_TAKEN", "the name is taken");
    if (this.#statements.findSkeleton.get(skeleton) !== undefined) {
      return new ChatError("USERNAME_CONFUSABLE", "the name looks like one that is taken");
    }
    return keyInUse("identity");
  }
}

function prepareStatements(database: DatabaseSync) {
  const sql = (text: string) => database.prepare(text);
  return {
    find: sql(
      `SELECT n.seq, n.hash, r.record, r.log_index, d.device, d.address_record, d.address_expires, d.mailbox_expires,
         CASE WHEN d.mailbox_expires IS NOT NULL
           THEN (SELECT m.record FROM mailboxes m WHERE m.device = d.device) END AS mailbox_record
       FROM names n JOIN records r ON r.name = n.name AND r.seq = n.seq JOIN devices d ON d.name = n.name
       WHERE n.name = ? ORDER BY d.device`,
    ),
    listRecords: sql("SELECT seq, hash, record FROM records WHERE name = ? AND seq > ? ORDER BY seq LIMIT ?"),
    findHash: sql("SELECT hash FROM names WHERE name = ?"),
    findSkeleton: sql("SELECT name FROM names WHERE skeleton = ?"),
    insert: sql(
      "INSERT INTO names (name, skeleton, identity, seq, hash) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    ),
    update: sql("UPDATE OR IGNORE names SET identity = ?, seq = ?, hash = ? WHERE name = ? AND hash = ?"),
    insertRecord: sql(
      `INSERT INTO records (name, seq, hash, record, accepted_at, log_index)
       VALUES (?, ?, ?, ?, ?, (SELECT coalesce(max(log_index) + 1, 0) FROM records))`,
    ),
    insertDevice: sql(
      `INSERT INTO devices (device, name) VALUES (?, ?)
       ON CONFLICT (device) DO UPDATE SET name = excluded.name WHERE name = excluded.name`,
    ),
    deleteOtherDevices: sql("DELETE FROM devices WHERE name = ? AND device NOT IN (SELECT value FROM json_each(?))"),
  };
}
