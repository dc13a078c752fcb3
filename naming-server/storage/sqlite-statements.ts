import type { DatabaseSync } from "node:sqlite";
import { SERVER_LIMITS } from "../limits.ts";

/** Every statement, prepared once. */
export function prepareStatements(database: DatabaseSync) {
  const sql = (text: string) => database.prepare(text);
  return {
    findName: sql(
      `SELECT n.seq, n.hash, r.record, r.log_index, d.device, d.address_record, d.address_expires, d.mailbox_expires,
         CASE WHEN d.mailbox_expires IS NOT NULL
           THEN (SELECT m.record FROM mailboxes m WHERE m.device = d.device) END AS mailbox_record
       FROM names n JOIN records r ON r.name = n.name AND r.seq = n.seq JOIN devices d ON d.name = n.name
       WHERE n.name = ? ORDER BY d.device`,
    ),
    dataVersion: sql("PRAGMA data_version"),
    listRecords: sql("SELECT seq, hash, record FROM records WHERE name = ? AND seq > ? ORDER BY seq LIMIT ?"),
    findHash: sql("SELECT hash FROM names WHERE name = ?"),
    findSkeleton: sql("SELECT name FROM names WHERE skeleton = ?"),
    insertName: sql(
      "INSERT INTO names (name, skeleton, identity, seq, hash) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    ),
    updateName: sql("UPDATE OR IGNORE names SET identity = ?, seq = ?, hash = ? WHERE name = ? AND hash = ?"),
    insertRecord: sql(
      `INSERT INTO records (name, seq, hash, record, accepted_at, log_index)
       VALUES (?, ?, ?, ?, ?, (SELECT coalesce(max(log_index) + 1, 0) FROM records))`,
    ),
    insertDevice: sql(
      `INSERT INTO devices (device, name) VALUES (?, ?)
       ON CONFLICT (device) DO UPDATE SET name = excluded.name WHERE name = excluded.name`,
    ),
    deleteOtherDevices: sql("DELETE FROM devices WHERE name = ? AND device NOT IN (SELECT value FROM json_each(?))"),

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
