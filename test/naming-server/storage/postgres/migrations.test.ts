import { describe, expect, test } from "vitest";
import { readDatabaseUrl } from "../../../../naming-server/storage/postgres/connections.ts";
import { MIGRATIONS, migrate } from "../../../../naming-server/storage/postgres/migrations.ts";
import { openPostgresStore } from "../../../../naming-server/storage/postgres/postgres-store.ts";
import { expectError } from "../../../support/expect-error.ts";
import { hasPostgres, TestPostgres } from "../../../support/postgres.ts";

describe.skipIf(!hasPostgres())("the schema in PostgreSQL", () => {
  const postgres = TestPostgres.forFile();
  const versionOf = async (url: string) =>
    Number((await postgres.run(url, "SELECT version FROM p2pchat_naming_server"))[0]?.["version"]);

  test("is made once by eight instances that start at once on an empty database", async () => {
    for (let round = 0; round < 5; round += 1) {
      const url = await postgres.createDatabase();
      const stores = await Promise.all(Array.from({ length: 8 }, () => openPostgresStore(url)));
      await Promise.all(stores.map((store) => store.ping()));
      await Promise.all(stores.map((store) => store.close()));
      expect(await versionOf(url)).toBe(MIGRATIONS.length);
      expect(await postgres.run(url, "SELECT id FROM log")).toHaveLength(1);
    }
  });

  test("goes forward one step at a time, each taken once whoever starts", async () => {
    const url = await postgres.createDatabase();
    const config = readDatabaseUrl(url);
    const steps = ["CREATE TABLE a (x bigint)", "INSERT INTO a VALUES (1)", "INSERT INTO a VALUES (2)"];
    await migrate(config, steps.slice(0, 2));
    await Promise.all(Array.from({ length: 5 }, () => migrate(config, steps)));
    await migrate(config, steps);
    expect(await postgres.run(url, "SELECT x FROM a")).toHaveLength(2);
    expect(await versionOf(url)).toBe(3);
  });

  test("stays as it was where a step fails", async () => {
    const url = await postgres.createDatabase();
    const config = readDatabaseUrl(url);
    await migrate(config, ["CREATE TABLE a (x bigint)"]);
    const steps = ["CREATE TABLE a (x bigint)", "CREATE TABLE b (x bigint)", "no SQL"];
    await expect(migrate(config, steps)).rejects.toThrow("syntax error");
    expect(await versionOf(url)).toBe(1);
    await expect(postgres.run(url, "SELECT x FROM b")).rejects.toThrow("does not exist");
  });

  test("of a newer release is refused and left alone", async () => {
    const url = await postgres.createDatabase();
    await (await openPostgresStore(url)).close();
    await postgres.run(url, "UPDATE p2pchat_naming_server SET version = 999");
    await expectError(openPostgresStore(url), "VERSION_UNSUPPORTED");
    expect(await versionOf(url)).toBe(999);
  });

  test("is not laid over another program's tables", async () => {
    const url = await postgres.createDatabase();
    await postgres.run(url, "CREATE TABLE names (x bigint)");
    await expectError(openPostgresStore(url), "STORE_CORRUPT");
    const tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()";
    expect(await postgres.run(url, tables)).toEqual([{ table_name: "names" }]);
  });
});
