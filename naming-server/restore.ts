import { randomBytes } from "node:crypto";
import { existsSync, linkSync, renameSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ED25519 } from "../shared/ed25519.ts";
import { ChatError, isChatError } from "../shared/errors.ts";
import { assertSound, copyDatabase, flush, unusable } from "./backup.ts";
import type { Config } from "./config.ts";
import { SERVER_LIMITS } from "./limits.ts";
import { openExistingStore, sqliteFileOf } from "./storage/open-store.ts";
import { leaveWriteAheadLog } from "./storage/sqlite-file.ts";
import { openSqliteStore } from "./storage/sqlite-store.ts";
import type { Store } from "./storage/store.ts";

type Restore = { readonly databasePath: string; readonly file: string; readonly force: boolean };

/** What SQLite keeps beside a database. */
const COMPANIONS = ["-wal", "-shm", "-journal"];

/**
 * Puts a backup in the place of the database, which must not be in use; with `force` the one that is there is put aside.
 * The copy is whole, checked, brought up to date and on disk before it takes its place. What was handed out since the
 * backup is not handed out again, and for a while clients may publish again what was lost.
 *
 * @returns where the database that was there is now
 * @throws ChatError STORAGE, STORE_CORRUPT, VERSION_UNSUPPORTED, SERVER_BUSY while a server runs
 */
export async function restoreBackup(restore: Restore, nowMs: number): Promise<string | undefined> {
  const { databasePath, file, force } = restore;
  if (!existsSync(file)) throw new ChatError("STORAGE", `there is no file ${file}`);
  if (resolve(file) === resolve(databasePath)) throw new ChatError("STORAGE", "the backup is the database itself");
  const isTaken = existsSync(databasePath);
  if (isTaken && !force) {
    throw new ChatError("STORAGE", `there is a database ${databasePath}; --force puts it aside`);
  }
  const restored = `${databasePath}.restoring`;
  try {
    await prepare(file, restored, nowMs);
    if (isTaken) assertUnused(databasePath);
    return putInPlace(restored, databasePath, isTaken ? asideOf(databasePath, nowMs) : undefined);
  } catch (cause) {
    throw unusable(file, cause);
  } finally {
    removeAll(restored);
  }
}

async function prepare(file: string, restored: string, nowMs: number): Promise<void> {
  removeAll(restored);
  await copyDatabase(file, restored);
  check(restored);
  const store = openSqliteStore(restored);
  try {
    await mark(store, nowMs);
  } finally {
    await store.close();
  }
  flush(restored);
}

/**
 * Something else has put the database back, which must not be in use: treats it as `restoreBackup` does.
 *
 * @throws ChatError SERVER_BUSY while a server runs on the file; as `openExistingStore`
 */
export async function declareRestored({ databaseUrl }: Pick<Config, "databaseUrl">, nowMs: number): Promise<string> {
  const file = sqliteFileOf(databaseUrl);
  if (file !== undefined && existsSync(file)) assertUnused(file);
  const store = await openExistingStore(databaseUrl);
  try {
    await mark(store, nowMs);
    return "what was lost may be published again";
  } finally {
    await store.close();
  }
}

function mark(store: Store, nowMs: number): Promise<void> {
  const now = Math.floor(nowMs / 1000);
  const until = now + SERVER_LIMITS.republishSeconds;
  return store.markRestored({ at: now, until, logSeed: randomBytes(ED25519.seedBytes) });
}

function check(path: string): void {
  const database = new DatabaseSync(path);
  try {
    assertSound(database);
  } finally {
    database.close();
  }
}

/** A damaged one is in nobody's use. */
function assertUnused(databasePath: string): void {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(databasePath, { timeout: 0 });
    leaveWriteAheadLog(database, databasePath);
  } catch (error) {
    if (isChatError(error, "SERVER_BUSY")) throw error;
  } finally {
    database?.close();
  }
}

/** In one step, so that at no time there is no database, which the next start would take for a new one. */
function putInPlace(restored: string, databasePath: string, aside: string | undefined): string | undefined {
  if (aside !== undefined) {
    for (const suffix of COMPANIONS) moveIfThere(databasePath + suffix, aside + suffix);
    linkSync(databasePath, aside);
  }
  renameSync(restored, databasePath);
  flush(dirname(databasePath));
  return aside;
}

function moveIfThere(from: string, to: string): void {
  if (existsSync(from)) renameSync(from, to);
}

function asideOf(databasePath: string, nowMs: number): string {
  return `${databasePath}.before-${new Date(nowMs).toISOString().replaceAll(/[-:.]/g, "")}`;
}

function removeAll(path: string): void {
  for (const suffix of ["", ...COMPANIONS]) rmSync(path + suffix, { force: true });
}
