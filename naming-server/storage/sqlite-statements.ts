import type { DatabaseSync } from "node:sqlite";
import { SERVER_LIMITS } from "../limits.ts";

/** Every statement, prepared once. */
export function prepareStatements(database: DatabaseSync) {
  const sql = (text: string) => database.prepare(text);
  return {
    dataVersion: sql("PRAGMA data_version"),

    listLeaves: sql("SELECT name, hash FROM records WHERE log_index >= ? ORDER BY log_index LIMIT ?"),
    findLogIndex: sql("SELECT log_index FROM records WHERE name = ? AND seq = ?"),
    logSize: sql("SELECT coalesce(max(log_index) + 1, 0) AS size FROM records"),
    findCheckpoint: sql("SELECT size, root, time, note FROM log WHERE note IS NOT NULL"),
    saveCheckpoint: sql("UPDATE log SET size = ?, root = ?, time = ?, note = ? WHERE note IS ? AND seed = ?"),
    insertLogSeed: sql("INSERT INTO log (id, seed) VALUES (1, ?) ON CONFLICT DO NOTHING"),
    findLogSeed: sql("SELECT seed FROM log"),

    putAddress: sql(
      `UPDATE devices SET address_seq = ?1, address_record = ?2, address_expires = ?3
       WHERE device = ?4 AND name = ?5 AND address_seq < ?1`,
    ),
    findAddress: sql("SELECT address_record FROM devices WHERE device = ? AND name = ?"),
    deleteAddress: sql("UPDATE devices SET address_record = NULL, address_expires = NULL WHERE device = ?"),
    // What outlives that was published while the clock was ahead.
    listOnline: sql(
      `SELECT name, device FROM devices
       WHERE address_expires > ?1 AND address_expires <= ?1 + ${SERVER_LIMITS.addressLongestLifeSeconds} ORDER BY name, device`,
    ),

    insertAssertion: sql("INSERT INTO assertions (sub, jti, expires) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"),

    listSigningKeys: sql("SELECT generation, seed, active_from AS activeFrom FROM signing_keys ORDER BY generation"),
    insertSigningKey: sql(
      "INSERT INTO signing_keys (generation, seed, active_from) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
    ),
    deleteSigningKeys: sql("DELETE FROM signing_keys WHERE generation < ?"),

    forgetAssertions: sql("DELETE FROM assertions WHERE expires < ?"),
    forgetAddresses: sql("UPDATE devices SET address_record = NULL, address_expires = NULL WHERE address_expires < ?"),

    sizeBytes: sql("SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size"),
    ping: sql("SELECT count(*) AS tables FROM sqlite_schema"),
  };
}

export type Statements = ReturnType<typeof prepareStatements>;
