import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { openDatabase } from "../../../peer/history/database.ts";
import { expectError } from "../../support/expect-error.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const V1 = ["CREATE TABLE inbox (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT"];
const V2 = [...V1, "ALTER TABLE inbox ADD COLUMN seq INTEGER NOT NULL DEFAULT 0; CREATE INDEX by_seq ON inbox (seq)"];
const V3 = [...V2, "CREATE TABLE outbox (id INTEGER PRIMARY KEY) STRICT"];

function databaseOf(version: readonly string[]): string {
  const path = join(temporaryDirectory(), "chat.db");
  const database = openDatabase(path, { migrations: version });
  database.prepare("INSERT INTO inbox (body) VALUES (?)").run(Uint8Array.of(1, 2, 3));
  database.close();
  return path;
}

/** What another SQLite program sees in the file. */
function look(path: string) {
  const handle = new DatabaseSync(path, { readOnly: true });
  const version = handle.prepare("PRAGMA user_version").get()?.["user_version"];
  const rows = handle.prepare("SELECT * FROM inbox").all();
  const tables = handle.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
  handle.close();
  return { version, rows: rows.length, columns: Object.keys(rows[0] ?? {}), tables: tables.map(({ name }) => name) };
}

describe("a database", () => {
  test("is made at the newest version, without a copy of nothing", () => {
    const path = databaseOf(V3);
    expect(look(path)).toMatchObject({ version: 3, tables: ["inbox", "outbox"] });
    expect(readdirSync(join(path, "..")).filter((name) => name.includes("before"))).toEqual([]);
  });

  test.each([
    [1, V1],
    [2, V2],
  ])("of version %i is brought to version 3 with its rows, and copied as it was first", (version, migrations) => {
    const path = databaseOf(migrations);
    const before = look(path);
    openDatabase(path, { migrations: V3 }).close();
    expect(look(path)).toMatchObject({ version: 3, rows: 1, columns: ["id", "body", "seq"] });
    const copy = `${path}.before-v3`;
    expect(look(copy)).toEqual({ ...before, version });
    expect(lstatSync(copy).mode & 0o777).toBe(0o600);
  });

  test("of a later version is refused by an older program, and stays as it was", async () => {
    const path = databaseOf(V3);
    const before = look(path);
    const error = await expectError(() => openDatabase(path, { migrations: V2 }), "STORE_CORRUPT", "newer");
    expect(error.details).toEqual({ version: 3, supported: 2 });
    expect(look(path)).toEqual(before);
    openDatabase(path, { migrations: V3 }).close();
  });

  test("keeps its version and all its rows when a step fails, and migrates later", () => {
    const path = databaseOf(V1);
    const before = look(path);
    const broken = [...V2, "INSERT INTO nowhere VALUES (1)"];
    expect(() => openDatabase(path, { migrations: broken })).toThrow("nowhere");
    expect(look(path)).toEqual(before);
    openDatabase(path, { migrations: V3 }).close();
    expect(look(path)).toMatchObject({ version: 3, rows: 1 });
    expect(look(`${path}.before-v3`)).toEqual(before);
  });
});
