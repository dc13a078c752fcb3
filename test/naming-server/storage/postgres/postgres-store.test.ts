import { describe } from "vitest";
import { openPostgresStore } from "../../../../naming-server/storage/postgres/postgres-store.ts";
import { hasPostgres, TestPostgres } from "../../../support/postgres.ts";
import { describeLogStore } from "../log-suite.ts";
import { describeStore, type StoreFactory } from "../store-suite.ts";

describe.skipIf(!hasPostgres())("with PostgreSQL", () => {
  const postgres = TestPostgres.forFile();

  const createFactory: StoreFactory = () => {
    const url = postgres.createDatabase();
    return { open: async () => openPostgresStore(await url) };
  };

  describeStore("PostgreSQL", createFactory);
  describeLogStore("PostgreSQL", createFactory);
});
