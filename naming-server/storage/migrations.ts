import type { DatabaseSync } from "node:sqlite";
import { ChatError } from "../../shared/errors.ts";

/** "p2pn": marks the file as a naming server's, so that no other program's database is taken for one. */
const APPLICATION_ID = 0x7032706e;

/** Forward only: a released step never changes, a new one is added below. Times are seconds since the Unix epoch. */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE names (
    name TEXT PRIMARY KEY,
    skeleton TEXT NOT NULL UNIQUE,
    identity TEXT NOT NULL UNIQUE,
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE records (
    name TEXT NOT NULL REFERENCES names (name),
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL,
    record TEXT NOT NULL,
    accepted_at INTEGER NOT NULL,
    PRIMARY KEY (name, seq)
  ) STRICT;

  CREATE TABLE devices (
    device TEXT PRIMARY KEY,
    name TEXT NOT NULL REFERENCES names (name),
    address_seq INTEGER NOT NULL DEFAULT 0,
    address_record TEXT,
    address_expires INTEGER,
    last_resort BLOB
  ) STRICT;
  CREATE INDEX devices_by_name ON devices (name, device);
  CREATE INDEX devices_by_expiry ON devices (address_expires) WHERE address_expires IS NOT NULL;

  CREATE TABLE key_packages (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL REFERENCES devices (device) ON DELETE CASCADE,
    hash BLOB NOT NULL,
    key_package BLOB NOT NULL,
    UNIQUE (device, hash)
  ) STRICT;
  CREATE INDEX key_packages_by_age ON key_packages (device, id);

  CREATE TABLE claimed_key_packages (
    device TEXT NOT NULL REFERENCES devices (device) ON DELETE CASCADE,
    hash BLOB NOT NULL,
    claimed_at INTEGER NOT NULL,
    PRIMARY KEY (device, hash)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX claimed_key_packages_by_age ON claimed_key_packages (claimed_at);

  CREATE TABLE assertions (
    sub TEXT NOT NULL,
    jti TEXT NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (sub, jti)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX assertions_by_expiry ON assertions (expires);

  CREATE TABLE signing_keys (
    generation INTEGER PRIMARY KEY,
    seed BLOB NOT NULL,
    active_from INTEGER NOT NULL
  ) STRICT;
  `,
  `
  ALTER TABLE devices ADD COLUMN online INTEGER NOT NULL DEFAULT 0;
  UPDATE devices SET online = 1 WHERE address_expires IS NOT NULL;

  CREATE TABLE presence (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    device TEXT NOT NULL,
    online INTEGER NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX presence_by_age ON presence (at);
  `,
  `
  ALTER TABLE records ADD COLUMN log_index INTEGER;
  UPDATE records SET log_index = accepted.place
    FROM (SELECT rowid AS id, row_number() OVER (ORDER BY rowid) - 1 AS place FROM records) AS accepted
    WHERE records.rowid = accepted.id;
  CREATE UNIQUE INDEX records_by_log_index ON records (log_index);

  CREATE TABLE log (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seed BLOB NOT NULL,
    size INTEGER,
    root BLOB,
    time INTEGER,
    note TEXT
  ) STRICT;
  `,
  `
  CREATE TABLE allowances (
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    full_at INTEGER NOT NULL,
    PRIMARY KEY (kind, subject)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX allowances_by_age ON allowances (full_at);

  CREATE TABLE invites (
    hash BLOB PRIMARY KEY,
    uses INTEGER NOT NULL,
    expires INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX invites_by_expiry ON invites (expires);
  `,
  `
  CREATE TABLE restoration (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    since INTEGER NOT NULL,
    until INTEGER NOT NULL
  ) STRICT;
  `,
  `
  ALTER TABLE devices ADD COLUMN mailbox_seq INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE devices ADD COLUMN mailbox_expires INTEGER;

  CREATE TABLE mailboxes (
    device TEXT PRIMARY KEY REFERENCES devices (device) ON DELETE CASCADE,
    record TEXT NOT NULL,
    expires INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX mailboxes_by_expiry ON mailboxes (expires);

  CREATE TABLE relays (
    relay TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    record TEXT NOT NULL,
    expires INTEGER,
    kept_until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX relays_by_age ON relays (kept_until);
  `,
];

/**
 * Brings the schema up to date in one transaction, which also proves that the file can be written.
 *
 * @throws ChatError STORE_CORRUPT for another program's database, VERSION_UNSUPPORTED for one of a newer release
 */
export function migrate(database: DatabaseSync): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    const version = readPragma(database, "user_version");
    checkOrigin(database, version);
    for (const step of MIGRATIONS.slice(version)) database.exec(step);
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${MIGRATIONS.length}`);
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

function checkOrigin(database: DatabaseSync, version: number): void {
  const tables = database.prepare("SELECT count(*) AS tables FROM sqlite_schema").get()?.tables;
  if (tables !== 0 && readPragma(database, "application_id") !== APPLICATION_ID) {
    throw new ChatError("STORE_CORRUPT", "the file is another program's database");
  }
  if (version > MIGRATIONS.length) {
    throw new ChatError("VERSION_UNSUPPORTED", "the database was written by a newer release of the naming server");
  }
}

function readPragma(database: DatabaseSync, name: "user_version" | "application_id"): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}
