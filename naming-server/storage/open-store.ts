import { existsSync } from "node:fs";
import { ChatError } from "../../shared/errors.ts";
import { openSqliteStore } from "./sqlite-store.ts";
import type { Store } from "./store.ts";

const SQLITE = /^sqlite:(.+)$/s;
const POSTGRES = /^postgres(?:ql)?:\/\//;

/** `sqlite:FILE`, or `postgres://...` as PostgreSQL's own programs read it. */
export function isDatabaseUrl(text: string): boolean {
  return SQLITE.test(text) || POSTGRES.test(text);
}

/** The file of a database in SQLite. */
export function sqliteFileOf(url: string): string | undefined {
  return SQLITE.exec(url)?.[1];
}

/**
 * @param url  one that `isDatabaseUrl`
 * @throws ChatError CONFIG_INVALID, STORAGE, STORE_CORRUPT, SERVER_BUSY, VERSION_UNSUPPORTED, each with a message for the
 *   operator
 */
export async function openStore(url: string): Promise<Store> {
  const file = sqliteFileOf(url);
  if (file !== undefined) return openSqliteStore(file);
  const { openPostgresStore } = await import("./postgres/postgres-store.ts");
  return openPostgresStore(url);
}

/** For commands on what a server has made: a path that is mistyped makes no new database. @throws ChatError STORAGE */
export async function openExistingStore(url: string): Promise<Store> {
  const file = sqliteFileOf(url);
  if (file === undefined || existsSync(file)) return openStore(url);
  throw new ChatError("STORAGE", `there is no database ${file}; start the server once`);
}
