import { join } from "node:path";
import { openSqliteStore } from "../../../naming-server/storage/sqlite-store.ts";
import type { StoreFactory } from "../../support/store-under-test.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { describeLogStore } from "./log-suite.ts";
import { describeStore } from "./store-suite.ts";

const createFactory: StoreFactory = () => {
  const path = join(temporaryDirectory(), "naming.db");
  return { open: async () => openSqliteStore(path) };
};

describeStore("SQLite", createFactory);
describeLogStore("SQLite", createFactory);
