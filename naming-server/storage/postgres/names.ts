import { ChatError } from "../../../shared/errors.ts";
import type { Username } from "../../../shared/username.ts";
import { type DeviceColumns, toDevice } from "../device-columns.ts";
import { keyInUse } from "../refusals.ts";
import type { RecordRow, Store, StoredDevice, StoredName, StoredRecord } from "../store.ts";
import { draw, meetTerms } from "./allowances.ts";
import type { Database, Query } from "./database.ts";
import { violatedConstraint } from "./errors.ts";
import { MergedLookup } from "./merged-lookup.ts";
import { countWrite, type Writes } from "./writes.ts";

type NameColumns = StoredRecord & DeviceColumns & { name: Username; log_index: number | null };

const FIND = {
  name: "find-names",
  text: `
    SELECT n.name, n.seq, n.hash, r.record, r.log_index, d.device, d.address_record, d.address_expires, d.mailbox_expires,
      CASE WHEN d.mailbox_expires IS NOT NULL
        THEN (SELECT m.record FROM mailboxes m WHERE m.device = d.device) END AS mailbox_record
    FROM names n JOIN records r ON r.name = n.name AND r.seq = n.seq JOIN devices d ON d.name = n.name
    WHERE n.name = ANY($1) ORDER BY n.name, d.device`,
};

const LIST_RECORDS = {
  name: "list-records",
  text: "SELECT seq, hash, record FROM records WHERE name = $1 AND seq > $2 ORDER BY seq LIMIT $3",
};

const FIND_HASH = { name: "find-hash", text: "SELECT hash FROM names WHERE name = $1" };

const FIND_SKELETON = { name: "find-skeleton", text: "SELECT name FROM names WHERE skeleton = $1" };

/** One statement for all of it, since each takes a round trip. A device that another name lists undoes the transaction. */
const CREATE = {
  name: "create-name",
  text: `
    WITH claimed AS (
      INSERT INTO names (name, skeleton, identity, seq, hash) VALUES ($4, $5, $6, $7, $8)
      ON CONFLICT DO NOTHING RETURNING name, seq, hash
    ), recorded AS (
      INSERT INTO records (name, seq, hash, record, accepted_at) SELECT name, seq, hash, $9::text, $3::bigint FROM claimed
    ), listed AS (
      INSERT INTO devices (device, name) SELECT listed.device, name FROM claimed, unnest($10::text[]) AS listed (device)
    ), counted AS (${countWrite("claimed")})
    SELECT name FROM claimed`,
};

const REPLACE = {
  name: "replace-name",
  text: "UPDATE names SET identity = $3, seq = $4, hash = $5 WHERE name = $1 AND hash = $2",
};

const INSERT_RECORD = {
  name: "insert-record",
  text: "INSERT INTO records (name, seq, hash, record, accepted_at) VALUES ($1, $2, $3, $4, $5)",
};

const DELETE_OTHER_DEVICES = {
  name: "delete-other-devices",
  text: `
    WITH gone AS (DELETE FROM devices WHERE name = $1 AND device <> ALL($2) RETURNING device, name, online_since)
    INSERT INTO presence (name, device, online, at)
    SELECT name, device, false, $3::bigint FROM gone WHERE online_since IS NOT NULL`,
};

const INSERT_DEVICES = {
  name: "insert-devices",
  text: `
    INSERT INTO devices (device, name) SELECT listed.device, $1 FROM unnest($2::text[]) AS listed (device)
    ON CONFLICT (device) DO UPDATE SET name = excluded.name WHERE devices.name = excluded.name`,
};

const COUNT_WRITE = { name: "count-write", text: countWrite("(SELECT 1) AS one") };

type Names = Pick<Store, "findName" | "listRecords" | "createName" | "replaceRecord">;

export function openNames(database: Database, writes: Writes): Names {
  const lookup = new MergedLookup((names: readonly Username[]) => findNames(database, names));
  return {
    findName: (name) => lookup.find(name),

    async listRecords(name, after, limit) {
      const { rows } = await database.query<StoredRecord>(LIST_RECORDS, name, after, limit);
      if (rows.length === 0 && (await hashOf(database.query, name)) === undefined) return undefined;
      return rows;
    },

    createName: (row, terms = {}) =>
      database
        .transaction(async (query) => {
          const { name, skeleton, identity, seq, hash, record, devices, acceptedAt } = row;
          const values = [...writes.next(acceptedAt), name, skeleton, identity, seq, hash, record, devices];
          if ((await query(CREATE, ...values)).count === 0) {
            if ((await hashOf(query, name)) === hash) return "repeated" as const;
            throw await whyRefused(query, row);
          }
          await meetTerms(query, terms, acceptedAt);
          return "created" as const;
        })
        .catch(asKeyInUse),

    replaceRecord: (row, previous, wanted) =>
      database
        .transaction(async (query) => {
          const { name, identity, seq, hash, record, devices, acceptedAt } = row;
          if ((await query(REPLACE, name, previous, identity, seq, hash)).count === 0) {
            if ((await hashOf(query, name)) === hash) return "repeated" as const;
            throw new ChatError("RECORD_CONFLICT", "another record has come first");
          }
          await query(INSERT_RECORD, name, seq, hash, record, acceptedAt);
          await query(DELETE_OTHER_DEVICES, name, devices, acceptedAt);
          const listed = await query(INSERT_DEVICES, name, devices);
          if (listed.count < devices.length) throw keyInUse("device");
          await query(COUNT_WRITE, ...writes.next(acceptedAt));
          if (wanted !== undefined) await draw(query, wanted, acceptedAt);
          return "replaced" as const;
        })
        .catch(asKeyInUse),
  };
}

async function findNames(database: Database, names: readonly Username[]): Promise<Map<Username, StoredName>> {
  const { rows } = await database.query<NameColumns>(FIND, names);
  const found = new Map<Username, StoredName & { devices: StoredDevice[] }>();
  for (const row of rows) {
    const { name, seq, hash, record, log_index: logIndex } = row;
    const known = found.get(name);
    if (known === undefined) {
      found.set(name, { seq, hash, record, logIndex: logIndex ?? undefined, devices: [toDevice(row)] });
    } else known.devices.push(toDevice(row));
  }
  return found;
}

async function hashOf(query: Query, name: Username): Promise<string | undefined> {
  const { rows } = await query<{ hash: string }>(FIND_HASH, name);
  return rows[0]?.hash;
}

async function whyRefused(query: Query, { name, skeleton }: RecordRow): Promise<ChatError> {
  if ((await hashOf(query, name)) !== undefined) return new ChatError("USERNAME_TAKEN", "the name is taken");
  if ((await query(FIND_SKELETON, skeleton)).count > 0) {
    return new ChatError("USERNAME_CONFUSABLE", "the name looks like one that is taken");
  }
  return keyInUse("identity");
}

function asKeyInUse(error: unknown): never {
  const constraint = violatedConstraint(error);
  if (constraint === "devices_pkey") throw keyInUse("device");
  throw constraint === "names_by_identity" ? keyInUse("identity") : error;
}
