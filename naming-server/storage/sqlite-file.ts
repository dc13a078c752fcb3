import { chmodSync, closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { ChatError, isChatError } from "../../shared/errors.ts";
import { SERVER_LIMITS } from "../limits.ts";
import { migrate } from "./migrations.ts";
import { storageError } from "./sqlite-errors.ts";

const OWNER_ONLY = 0o600;

/**
 * Opens the file, creating it for its owner only (SQLite gives `-wal` and `-shm` the mode of the main file), checks it
 * from end to end and brings it up to date.
 *
 * @throws ChatError STORAGE, STORE_CORRUPT, SERVER_BUSY, VERSION_UNSUPPORTED, each with a message for the operator
 */
export function openSqliteFile(path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    closeSync(openSync(path, "a", OWNER_ONLY));
    chmodSync(path, OWNER_ONLY);
    database = new DatabaseSync(path, { timeout: SERVER_LIMITS.databaseBusyTimeoutMs });
    configure(database);
    checkPages(database);
    migrate(database);
    return database;
  } catch (cause) {
    database?.close();
    throw unusable(path, cause);
  }
}

/**
 * Leaves the write-ahead log, which takes a lock that no other connection lets go of.
 *
 * @throws ChatError SERVER_BUSY while a server uses the file
 */
export function leaveWriteAheadLog(database: DatabaseSync, path: string): void {
  try {
    database.exec("PRAGMA journal_mode = DELETE");
  } catch (cause) {
    const error = storageError(cause);
    if (!isChatError(error, "SERVER_BUSY")) throw error;
    throw new ChatError("SERVER_BUSY", `a server uses the database ${path}; stop it first`, { cause });
  }
}

function configure(database: DatabaseSync): void {
  const mode = database.prepare("PRAGMA journal_mode = WAL").get()?.journal_mode;
  database.exec("PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864; PRAGMA trusted_schema = OFF");
  database.exec(`PRAGMA cache_size = -${SERVER_LIMITS.databaseCacheKibibytes}`);
  const synchronous = database.prepare("PRAGMA synchronous").get()?.synchronous;
  if (mode !== "wal" || synchronous !== 2) throw new ChatError("STORAGE", "the file system does not support WAL");
}

function checkPages(database: DatabaseSync): void {
  const verdict = database.prepare("PRAGMA quick_check(1)").get()?.quick_check;
  if (verdict !== "ok") throw new ChatError("STORE_CORRUPT", "the database is damaged");
}

function unusable(path: string, cause: unknown): ChatError {
  const error = storageError(cause);
  const why = cause instanceof Error ? cause.message : "unknown fault";
  if (!isChatError(error)) return new ChatError("STORAGE", `cannot open the database ${path}: ${why}`, { cause });
  const advice = error.code === "STORE_CORRUPT" ? "; restore it from a backup" : "";
  return new ChatError(error.code, `cannot use the database ${path}: ${why}${advice}`, { cause });
}
