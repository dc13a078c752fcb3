import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDatabase } from "../../../peer/history/database.ts";
import { inspectDatabase } from "../../../peer/history/inspect-database.ts";
import { MIGRATIONS } from "../../../peer/history/schema.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

function newDatabase() {
  const path = join(temporaryDirectory(), "chat.db");
  return { path, database: openDatabase(path, { migrations: MIGRATIONS }) };
}

test("a whole database is whole, whether it is open or not", () => {
  const { path, database } = newDatabase();
  const well = { schema: MIGRATIONS.length, newestSchema: MIGRATIONS.length, damage: [] };
  expect(inspectDatabase(path)).toMatchObject(well);
  database.transaction(() => undefined);
  database.close();
  expect(inspectDatabase(path)).toEqual({ ...well, bytes: statSync(path).size });
});

test("one with a page of garbage is damaged, and stays as it is", () => {
  const { path, database } = newDatabase();
  database.close();
  const bytes = readFileSync(path);
  bytes.fill(0x5a, 8192, 12_288);
  writeFileSync(path, bytes);
  expect(inspectDatabase(path)?.damage).not.toEqual([]);
  expect(readFileSync(path)).toEqual(bytes);
});

test("what is no database is damaged, and what is not there is nothing", () => {
  const path = join(temporaryDirectory(), "chat.db");
  expect(inspectDatabase(path)).toBeUndefined();
  writeFileSync(path, "not a database at all, whatever its name says".repeat(20));
  expect(inspectDatabase(path)?.damage).toHaveLength(1);
});
