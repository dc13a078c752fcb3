import { existsSync } from "node:fs";
import { encodeBase64url } from "../shared/base64url.ts";
import { ChatError } from "../shared/errors.ts";
import { sqliteFileOf } from "./storage/open-store.ts";
import { storageError } from "./storage/sqlite-errors.ts";
import { leaveWriteAheadLog, openSqliteFile } from "./storage/sqlite-file.ts";

type Move = { readonly from: string; readonly to: string };

/**
 * Moves a naming server from SQLite to PostgreSQL; the file stays as it is.
 *
 * @returns what was moved, for the operator
 * @throws ChatError CONFIG_INVALID for other kinds of databases; SERVER_BUSY while a server runs on the file; STORAGE,
 *   STORE_CORRUPT, and then nothing was written
 */
export async function migrateStore({ from, to }: Move): Promise<string> {
  const file = sqliteFileOf(from);
  if (file === undefined) throw new ChatError("CONFIG_INVALID", "--from takes sqlite:FILE");
  if (sqliteFileOf(to) !== undefined) throw new ChatError("CONFIG_INVALID", "--to takes postgres://...");
  if (!existsSync(file)) throw new ChatError("STORAGE", `there is no database ${file}`);
  const { moveFromSqlite } = await import("./storage/postgres/move-from-sqlite.ts");
  const source = openAlone(file);
  try {
    const { rows, root } = await moveFromSqlite(source, to);
    const counts = Object.entries(rows).map(([table, count]) => `${table} ${count}`);
    return `moved: ${counts.join(", ")}; the log's root is ${encodeBase64url(root)} on both sides`;
  } finally {
    source.close();
  }
}

/** Nobody else gets in. */
function openAlone(file: string): ReturnType<typeof openSqliteFile> {
  const source = openSqliteFile(file);
  try {
    leaveWriteAheadLog(source, file);
    source.exec("BEGIN EXCLUSIVE");
    return source;
  } catch (error) {
    source.close();
    throw storageError(error);
  }
}
