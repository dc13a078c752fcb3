import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { DeviceId } from "../../shared/device-id.ts";
import type { Username } from "../../shared/username.ts";
import type { Presence, Transition } from "./store.ts";

type PresenceRow = Presence["online"][number];
type TransitionColumns = { id: number; name: Username; device: DeviceId; online: number };

const LEFT = "INSERT INTO presence (name, device, online, at) SELECT name, device, 0, ?1 FROM devices WHERE online = 1";

/** Who came and went, in SQLite. Whatever writes is called within the transaction of its cause. */
export class SqlitePresence {
  readonly #statements: ReturnType<typeof prepareStatements>;

  constructor(database: DatabaseSync) {
    this.#statements = prepareStatements(database);
  }

  came(device: DeviceId, at: number): void {
    const { markOnline, insertCame } = this.#statements;
    if (markOnline.run(device).changes > 0) insertCame.run(at, device);
  }

  left(device: DeviceId, at: number): void {
    const { insertLeft, markOffline } = this.#statements;
    if (insertLeft.run(at, device).changes > 0) markOffline.run(device);
  }

  /** The other devices of that name are about to go for good. */
  othersLeft(name: Username, devices: readonly DeviceId[], at: number): void {
    this.#statements.insertOthersLeft.run(at, name, JSON.stringify(devices));
  }

  expired(at: number): number {
    const { insertExpired, markExpired } = this.#statements;
    const { changes } = insertExpired.run(at);
    if (changes > 0) markExpired.run(at);
    return Number(changes);
  }

  read(): Presence {
    const newest = Number(this.#statements.newest.get()?.["newest"]);
    return { newest, online: this.#statements.listMarked.all() as PresenceRow[] };
  }

  list(after: number, limit: number): Transition[] {
    const rows = this.#statements.list.all(after, limit) as TransitionColumns[];
    return rows.map(({ online, ...row }) => ({ ...row, online: online === 1 }));
  }

  forget(before: number): void {
    this.#statements.forget.run(before);
  }
}

function prepareStatements(database: DatabaseSync) {
  const sql = (text: string): StatementSync => database.prepare(text);
  return {
    markOnline: sql("UPDATE devices SET online = 1 WHERE device = ? AND online = 0"),
    insertCame: sql(
      "INSERT INTO presence (name, device, online, at) SELECT name, device, 1, ?1 FROM devices WHERE device = ?2",
    ),
    insertLeft: sql(`${LEFT} AND device = ?2`),
    markOffline: sql("UPDATE devices SET online = 0 WHERE device = ?"),
    insertOthersLeft: sql(`${LEFT} AND name = ?2 AND device NOT IN (SELECT value FROM json_each(?3))`),
    // Both by the index of expiries: most devices of a large server are offline.
    insertExpired: sql(`${LEFT} AND address_expires <= ?1`),
    markExpired: sql("UPDATE devices SET online = 0 WHERE online = 1 AND address_expires <= ?"),
    listMarked: sql(
      "SELECT name, device FROM devices WHERE online = 1 AND address_expires IS NOT NULL ORDER BY name, device",
    ),
    newest: sql("SELECT coalesce(max(id), 0) AS newest FROM presence"),
    list: sql("SELECT id, name, device, online FROM presence WHERE id > ? ORDER BY id LIMIT ?"),
    forget: sql("DELETE FROM presence WHERE at < ?"),
  };
}
