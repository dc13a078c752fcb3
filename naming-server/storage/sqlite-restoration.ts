import type { DatabaseSync } from "node:sqlite";
import type { DeviceId } from "../../shared/device-id.ts";
import type { SqliteKeyPackages } from "./sqlite-key-packages.ts";
import type { SqlitePresence } from "./sqlite-presence.ts";
import type { Restoration, RestoredStore } from "./store.ts";

/** What follows a restore, in SQLite. Whatever writes is called within the transaction of its cause. */
export class SqliteRestoration {
  readonly #statements: ReturnType<typeof prepareStatements>;

  constructor(database: DatabaseSync) {
    this.#statements = prepareStatements(database);
  }

  mark(
    { at, until, logSeed }: RestoredStore,
    { presence, keyPackages }: { presence: SqlitePresence; keyPackages: SqliteKeyPackages },
  ): void {
    for (const { device } of this.#statements.listOnlineDevices.all()) presence.left(device as DeviceId, at);
    this.#statements.withdrawAddresses.run();
    keyPackages.forgetOneTime();
    this.#statements.save.run(until);
    this.#statements.restartLog.run(logSeed);
  }

  find(): Restoration | undefined {
    return this.#statements.find.get() as Restoration | undefined;
  }
}

function prepareStatements(database: DatabaseSync) {
  const sql = (text: string) => database.prepare(text);
  return {
    listOnlineDevices: sql("SELECT device FROM devices WHERE online = 1"),
    withdrawAddresses: sql("UPDATE devices SET address_record = NULL, address_expires = NULL"),
    save: sql(
      `INSERT INTO restoration (id, since, until) SELECT 1, coalesce(max(accepted_at), 0), ? FROM records WHERE true
       ON CONFLICT (id) DO UPDATE SET since = excluded.since, until = excluded.until`,
    ),
    find: sql("SELECT since, until FROM restoration"),
    restartLog: sql("UPDATE log SET seed = ?, size = NULL, root = NULL, time = NULL, note = NULL"),
  };
}
