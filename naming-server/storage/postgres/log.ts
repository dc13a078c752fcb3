import { SERVER_LIMITS } from "../../limits.ts";
import type { CheckpointRow, LeafRow, Store } from "../store.ts";
import type { Database } from "./database.ts";

/** By the database's clock: those of the instances may differ. */
const NOW_MS = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

const LIST_LEAVES = {
  name: "list-leaves",
  text: "SELECT name, hash FROM records WHERE log_index >= $1 ORDER BY log_index LIMIT $2",
};

const FIND_INDEX = { name: "find-log-index", text: "SELECT log_index FROM records WHERE name = $1 AND seq = $2" };

const READ = { name: "read-log", text: "SELECT leaves, size, root, time, note FROM log" };

/**
 * Taken by nobody where no record waits; whoever finds the row locked, or the lease another's, goes away at once. Each
 * lease has the next fence, so that what a former leader does late finds another's.
 */
const LEASE = {
  name: "lease-log",
  text: `
    UPDATE log SET holder = $1, fence = fence + 1, lease_until_ms = ${NOW_MS} + $2
    WHERE id = (
      SELECT id FROM log
      WHERE (lease_until_ms <= ${NOW_MS} OR holder = $1) AND EXISTS (SELECT 1 FROM records WHERE log_index IS NULL)
      FOR UPDATE OF log SKIP LOCKED
    )
    RETURNING fence, leaves`,
};

const HOLD = { name: "hold-log", text: "SELECT id FROM log WHERE fence = $1 AND leaves = $2 FOR UPDATE" };

/**
 * In the order in which they were accepted. Ids of different connections may come out of order where a database gives
 * them out in blocks, and a record must not stand before the one that it follows.
 */
const PLACE = {
  name: "place-records",
  text: `
    UPDATE records SET log_index = $1::bigint + waiting.place FROM (
      SELECT name, seq, row_number() OVER (ORDER BY turn, name, seq) - 1 AS place FROM (
        SELECT name, seq, max(id) OVER (PARTITION BY name ORDER BY seq) AS turn FROM records WHERE log_index IS NULL
      ) AS turns
      ORDER BY turn, name, seq LIMIT $2
    ) AS waiting
    WHERE records.name = waiting.name AND records.seq = waiting.seq AND records.log_index IS NULL`,
};

/** The lease ends with the last records that wait. */
const GROW = {
  name: "grow-log",
  text: `
    UPDATE log SET leaves = leaves + $1,
      lease_until_ms = CASE WHEN $1 < $2::bigint THEN 0 ELSE ${NOW_MS} + $3 END`,
};

const SAVE_CHECKPOINT = {
  name: "save-checkpoint",
  text: "UPDATE log SET size = $1, root = $2, time = $3, note = $4 WHERE note IS NOT DISTINCT FROM $5 AND seed = $6",
};

const KEEP_SEED = { name: "keep-log-seed", text: "UPDATE log SET seed = coalesce(seed, $1) RETURNING seed" };

type LogColumns = { leaves: number } & { [Column in keyof CheckpointRow]: CheckpointRow[Column] | null };
type Lease = { readonly fence: number; readonly leaves: number };
type Log = Pick<
  Store,
  "listLeaves" | "findLogIndex" | "readLog" | "sequenceRecords" | "saveCheckpoint" | "keepLogSeed"
>;

export function openLog(database: Database): Log {
  return {
    async listLeaves(start, limit) {
      return (await database.query<LeafRow>(LIST_LEAVES, start, limit)).rows;
    },

    async findLogIndex(name, seq) {
      const { rows } = await database.query<{ log_index: number | null }>(FIND_INDEX, name, seq);
      return rows[0]?.log_index ?? undefined;
    },

    async readLog() {
      const [row] = (await database.query<LogColumns>(READ)).rows;
      return { size: row?.leaves ?? 0, checkpoint: toCheckpoint(row) };
    },

    async sequenceRecords(holder) {
      const { rows } = await database.query<Lease>(LEASE, holder, SERVER_LIMITS.logLeaseMs);
      let [lease] = rows;
      while (lease !== undefined) lease = await placeRecords(database, lease);
    },

    async saveCheckpoint({ size, root, time, note }, previous, seed) {
      return (await database.query(SAVE_CHECKPOINT, size, root, time, note, previous ?? null, seed)).count > 0;
    },

    async keepLogSeed(fresh) {
      const [row] = (await database.query<{ seed: Uint8Array }>(KEEP_SEED, fresh)).rows;
      return row?.seed ?? fresh;
    },
  };
}

/** Does nothing where the lease has become another's. Answers the lease as long as there may be more that wait. */
function placeRecords(database: Database, lease: Lease): Promise<Lease | undefined> {
  const { logReadEntries: limit, logLeaseMs } = SERVER_LIMITS;
  return database.transaction(async (query) => {
    const { fence, leaves } = lease;
    if ((await query(HOLD, fence, leaves)).count === 0) return undefined;
    const { count } = await query(PLACE, leaves, limit);
    await query(GROW, count, limit, logLeaseMs);
    return count < limit ? undefined : { fence, leaves: leaves + count };
  });
}

function toCheckpoint(row: LogColumns | undefined): CheckpointRow | undefined {
  const { size, root, time, note } = row ?? {};
  if (size == null || root == null || time == null || note == null) return undefined;
  return { size, root, time, note };
}
