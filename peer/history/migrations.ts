import { closeSync, fsyncSync, openSync, rmSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { ChatError } from "../../shared/errors.ts";
import { createPrivateFile } from "./private-file.ts";

/** SQL scripts, the first making version 1; once released, one is never edited, only followed by another. */
export type Migrations = readonly string[];

/**
 * Brings a database to the newest version, all steps or none. An existing one is copied first, to
 * `<path>.before-v<newest>`.
 *
 * @throws ChatError STORE_CORRUPT (reason `newer`) when a later program has written it
 */
export function migrate(handle: DatabaseSync, path: string, migrations: Migrations): void {
  const version = versionOf(handle);
  const newest = migrations.length;
  if (version > newest) {
    throw new ChatError("STORE_CORRUPT", "a newer version of p2pchat has written this database: please update", {
      reason: "newer",
      details: { version, supported: newest },
    });
  }
  if (version === newest) return;
  if (version > 0) copyTo(handle, `${path}.before-v${newest}`);
  handle.exec("BEGIN IMMEDIATE");
  try {
    for (const script of migrations.slice(version)) handle.exec(script);
    handle.exec(`PRAGMA user_version = ${newest}`);
    handle.exec("COMMIT");
  } catch (error) {
    if (handle.isTransaction) handle.exec("ROLLBACK");
    throw error;
  }
}

function versionOf(handle: DatabaseSync): number {
  return Number(handle.prepare("PRAGMA user_version").get()?.["user_version"]);
}

/** SQLite writes the copy: reading the file here would drop its locks. One left by a failed attempt is replaced. */
function copyTo(handle: DatabaseSync, copy: string): void {
  rmSync(copy, { force: true });
  createPrivateFile(copy);
  handle.prepare("VACUUM INTO ?").run(copy);
  const descriptor = openSync(copy, "r+");
  fsyncSync(descriptor);
  closeSync(descriptor);
}
