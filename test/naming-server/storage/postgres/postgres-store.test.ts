import { describe } from "vitest";
import { openPostgresStore } from "../../../../naming-server/storage/postgres/postgres-store.ts";
import { hasPostgres, TestPostgres } from "../../../support/postgres.ts";
import type { StoreFactory } from "../../../support/store-under-test.ts";
import { describeLogStore } from "../log-suite.ts";
import { describeStore } from "../store-suite.ts";

describe.skipIf(!hasPostgres())("with PostgreSQL", () => {
  const postgres = TestPostgres.forFile();

  const createFactory: StoreFactory = () => {
    const url = postgres.createDatabase();
    return { open: async () => openPostgresStore(await url) };
  };

  describeStore("PostgreSQL", createFactory);
  describeLogStore("PostgreSQL", createFactory);
});
