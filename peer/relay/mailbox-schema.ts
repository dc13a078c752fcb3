import type { Migrations } from "../history/migrations.ts";

/*
 * Times are seconds as `clock` counts them (`kept-time.ts`), near enough to those since the epoch. `boxes` keeps count of
 * what lies in each, and `totals` of everything, so that no quota needs a scan.
 */
export const MAILBOX_MIGRATIONS: Migrations = [
  `
  CREATE TABLE totals (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    store BLOB NOT NULL,
    boxes INTEGER NOT NULL DEFAULT 0,
    parcels INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    spent INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  INSERT INTO totals (one, store) VALUES (1, randomblob(16));

  CREATE TABLE boxes (
    id INTEGER PRIMARY KEY,
    box BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    token_key BLOB,
    next_place INTEGER NOT NULL DEFAULT 1,
    parcels INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    spent INTEGER NOT NULL DEFAULT 0,
    expires_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX boxes_by_expiry ON boxes (expires_at);

  CREATE TABLE parcels (
    box_id INTEGER NOT NULL REFERENCES boxes (id),
    place INTEGER NOT NULL,
    stored_at INTEGER NOT NULL,
    hash BLOB NOT NULL,
    size INTEGER NOT NULL,
    parcel BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX parcels_by_place ON parcels (box_id, place);
  CREATE INDEX parcels_by_hash ON parcels (box_id, hash);
  CREATE INDEX parcels_by_age ON parcels (stored_at);

  CREATE TABLE spent (
    box_id INTEGER NOT NULL REFERENCES boxes (id),
    nonce BLOB NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (box_id, nonce)
  ) STRICT, WITHOUT ROWID;

  CREATE TRIGGER box_made AFTER INSERT ON boxes BEGIN
    UPDATE totals SET boxes = boxes + 1;
  END;
  CREATE TRIGGER box_gone AFTER DELETE ON boxes BEGIN
    UPDATE totals SET boxes = boxes - 1;
  END;
  CREATE TRIGGER parcel_stored AFTER INSERT ON parcels BEGIN
    UPDATE boxes SET parcels = parcels + 1, bytes = bytes + new.size, next_place = new.place + 1 WHERE id = new.box_id;
    UPDATE totals SET parcels = parcels + 1, bytes = bytes + new.size;
  END;
  CREATE TRIGGER parcel_gone AFTER DELETE ON parcels BEGIN
    UPDATE boxes SET parcels = parcels - 1, bytes = bytes - old.size WHERE id = old.box_id;
    UPDATE totals SET parcels = parcels - 1, bytes = bytes - old.size;
  END;
  CREATE TRIGGER token_spent AFTER INSERT ON spent BEGIN
    UPDATE boxes SET spent = spent + 1 WHERE id = new.box_id;
    UPDATE totals SET spent = spent + 1;
  END;
  CREATE TRIGGER token_gone AFTER DELETE ON spent BEGIN
    UPDATE boxes SET spent = spent - 1 WHERE id = old.box_id;
    UPDATE totals SET spent = spent - 1;
  END;
  `,
  // 3,110,400 seconds: what a box lives after it was opened
  `
  CREATE TABLE clock (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    kept_at INTEGER NOT NULL,
    wall_at INTEGER NOT NULL
  ) STRICT;
  INSERT INTO clock (one, kept_at, wall_at)
    SELECT 1, newest, newest FROM (
      SELECT max(at) AS newest FROM (
        SELECT max(stored_at) AS at FROM parcels UNION ALL SELECT max(expires_at) - 3110400 FROM boxes
      )
    ) WHERE newest IS NOT NULL;
  `,
];
