import type { DatabaseSync } from "node:sqlite";
import type { Client } from "pg";
import { equalBytes } from "../../../shared/bytes.ts";
import { ChatError } from "../../../shared/errors.ts";
import { logLeafOf } from "../../../shared/log-leaf.ts";
import { leafHash, rootOf } from "../../../shared/merkle.ts";
import { MerkleTree } from "../../../shared/merkle-tree.ts";
import { SERVER_LIMITS } from "../../limits.ts";
import type { LeafRow } from "../store.ts";
import { openClient, reachDatabase, readDatabaseUrl } from "./connections.ts";
import { migrate } from "./migrations.ts";
import { MOVED_TABLES, type MovedTable } from "./moved-tables.ts";

export type Moved = {
  /** Rows by table. */
  readonly rows: Readonly<Record<string, number>>;
  /** Of the log, on both sides. */
  readonly root: Uint8Array;
};

/**
 * Copies a naming server's SQLite database into an empty one in PostgreSQL, in one transaction: it is there whole, with
 * the same log, or not at all.
 *
 * @param source  which nobody else may write meanwhile
 * @throws ChatError STORAGE where the target is not empty, STORE_CORRUPT where the log or the copy is not what it should be
 */
export async function moveFromSqlite(source: DatabaseSync, url: string): Promise<Moved> {
  const config = readDatabaseUrl(url);
  await reachDatabase(() => migrate(config));
  const target = await openClient(config, SERVER_LIMITS.databaseMigrationTimeoutMs);
  try {
    await target.query("BEGIN");
    await claimTarget(target);
    const rows: Record<string, number> = {};
    for (const moved of MOVED_TABLES) rows[moved.table] = await copyTable(source, target, moved);
    await moveLog(source, target);
    await continueTransitions(source, target);
    const root = await compareLogs(source, target);
    await target.query("COMMIT");
    return { rows, root };
  } finally {
    await target.end();
  }
}

/** Holds the row that a server needs at its start: none starts on half a copy. */
async function claimTarget(target: Client): Promise<void> {
  const { rows } = await target.query("SELECT seed FROM log FOR UPDATE");
  const tables = MOVED_TABLES.map(({ table }) => `EXISTS (SELECT 1 FROM ${table})`).join(" OR ");
  const { rows: found } = await target.query(`SELECT (${tables}) AS any`);
  if (rows[0]?.seed === null && found[0]?.any === false) return;
  throw new ChatError("STORAGE", "the database to move to is not empty; nothing was written");
}

async function copyTable(source: DatabaseSync, target: Client, moved: MovedTable): Promise<number> {
  const { table, select, columns } = moved;
  const names = Object.keys(columns);
  const arrays = Object.values(columns).map((type, index) => `$${index + 1}::${type}[]`);
  const insert = `
    INSERT INTO ${table} (${names}) SELECT ${names.map((name) => `given.${name}`)}
    FROM unnest(${arrays}) WITH ORDINALITY AS given (${names}, place) ORDER BY given.place`;
  let count = 0;
  for (const rows of batches(source.prepare(select).iterate())) {
    await target.query({
      name: `move-${table}`,
      text: insert,
      values: names.map((name) => rows.map((row) => row[name])),
    });
    count += rows.length;
  }
  const { rows } = await target.query(`SELECT count(*) AS count FROM ${table}`);
  if (rows[0]?.count !== count) throw new ChatError("STORE_CORRUPT", `the copy of ${table} is not whole`);
  return count;
}

function* batches(rows: Iterable<Record<string, unknown>>): Generator<Record<string, unknown>[]> {
  let batch: Record<string, unknown>[] = [];
  for (const row of rows) {
    batch.push(row);
    if (batch.length < SERVER_LIMITS.movedRows) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function moveLog(source: DatabaseSync, target: Client): Promise<void> {
  const leaves = Number(source.prepare("SELECT count(*) AS leaves FROM records").get()?.["leaves"]);
  const row = source.prepare("SELECT seed, size, root, time, note FROM log").get() ?? {};
  const values = [leaves, ...["seed", "size", "root", "time", "note"].map((column) => row[column] ?? null)];
  await target.query("UPDATE log SET leaves = $1, seed = $2, size = $3, root = $4, time = $5, note = $6", values);
}

/** Ids go on where they were, so that watchers who come again miss nothing. */
async function continueTransitions(source: DatabaseSync, target: Client): Promise<void> {
  const newest = source.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'presence'").get()?.["seq"];
  if (newest === undefined) return;
  await target.query("SELECT setval(pg_get_serial_sequence('presence', 'id'), $1)", [newest]);
}

/** Both are read anew, and held against the last checkpoint. */
async function compareLogs(source: DatabaseSync, target: Client): Promise<Uint8Array> {
  const there = new MerkleTree();
  const leaves = source.prepare("SELECT name, hash FROM records ORDER BY log_index").iterate();
  for (const row of leaves) append(there, row as LeafRow);
  const here = new MerkleTree();
  for (;;) {
    const { rows } = await target.query<LeafRow>({
      name: "move-leaves",
      text: "SELECT name, hash FROM records WHERE log_index >= $1 ORDER BY log_index LIMIT $2",
      values: [here.size, SERVER_LIMITS.logReadEntries],
    });
    for (const row of rows) append(here, row);
    if (rows.length === 0) break;
  }
  const root = rootOf(there, there.size);
  const checkpoint = source.prepare("SELECT size, root FROM log WHERE note IS NOT NULL").get();
  if (checkpoint !== undefined && !isTreeOf(checkpoint, there)) throw otherLog("the last checkpoint's");
  if (here.size !== there.size || !equalBytes(rootOf(here, here.size), root)) throw otherLog("the one that was moved");
  return root;
}

function append(tree: MerkleTree, { name, hash }: LeafRow): void {
  tree.append(leafHash(logLeafOf(name, hash)));
}

function isTreeOf({ size, root }: Record<string, unknown>, tree: MerkleTree): boolean {
  return Number(size) <= tree.size && equalBytes(rootOf(tree, Number(size)), root as Uint8Array);
}

function otherLog(which: string): ChatError {
  return new ChatError("STORE_CORRUPT", `the log is not ${which}; nothing was written`);
}
