import { randomUUID } from "node:crypto";
import { closeSync, existsSync, fsyncSync, linkSync, openSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { backup, DatabaseSync } from "node:sqlite";
import { ChatError, isChatError } from "../shared/errors.ts";
import { SERVER_LIMITS } from "./limits.ts";
import { storageError } from "./storage/sqlite-errors.ts";

const OWNER_ONLY = 0o600;
const PAGES_AT_A_TIME = 200;

/**
 * Copies a database to a file of its own, while the server runs or not. The copy is whole, checked and on disk before
 * it has its name.
 *
 * @throws ChatError STORAGE, also where `file` exists; STORE_CORRUPT for a damaged database
 */
export async function backUp(databasePath: string, file: string): Promise<void> {
  if (existsSync(file)) throw alreadyThere(file);
  const partial = `${file}.${randomUUID()}.partial`;
  try {
    await copyDatabase(databasePath, partial);
    checkWhole(partial);
    flush(partial);
    linkSync(partial, file);
    flush(dirname(file));
  } catch (cause) {
    throw isCode(cause, "EEXIST") ? alreadyThere(file) : unusable(databasePath, cause);
  } finally {
    for (const suffix of ["", "-journal"]) rmSync(partial + suffix, { force: true });
  }
}

/** Makes `target`, which must not exist, a copy of all that the database has committed. */
export async function copyDatabase(databasePath: string, target: string): Promise<void> {
  const source = new DatabaseSync(databasePath, { readOnly: true, timeout: SERVER_LIMITS.databaseBusyTimeoutMs });
  try {
    closeSync(openSync(target, "wx", OWNER_ONLY));
    await backup(source, target, { rate: PAGES_AT_A_TIME });
  } finally {
    source.close();
  }
}

/** From end to end; and one file, without the write-ahead log that a server's database has beside it. */
function checkWhole(path: string): void {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA journal_mode = DELETE");
    assertSound(database);
  } finally {
    database.close();
  }
}

/** @throws ChatError STORE_CORRUPT for one that is damaged, or no naming server's */
export function assertSound(database: DatabaseSync): void {
  const verdict = database.prepare("PRAGMA integrity_check(1)").get()?.["integrity_check"];
  if (verdict !== "ok") throw new ChatError("STORE_CORRUPT", "the database is damaged");
  const tables = database.prepare("SELECT count(*) AS found FROM sqlite_schema WHERE name IN ('names', 'records')");
  if (tables.get()?.["found"] !== 2) throw new ChatError("STORE_CORRUPT", "the file is no naming server's database");
}

/** A file or a directory, to the disk. */
export function flush(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function alreadyThere(file: string): ChatError {
  return new ChatError("STORAGE", `${file} is there already; nothing was written`);
}

/** With a message for the operator, where there is none yet. */
export function unusable(path: string, cause: unknown): ChatError {
  if (isChatError(cause)) return cause;
  const known = storageError(cause);
  const why = cause instanceof Error ? cause.message : "unknown fault";
  const code = isChatError(known) ? known.code : "STORAGE";
  return new ChatError(code, `cannot copy the database ${path}: ${why}`, { cause });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
