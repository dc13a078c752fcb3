import { join } from "node:path";
import { openSqliteStore } from "../../../naming-server/storage/sqlite-store.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { describeStore } from "./store-suite.ts";

describeStore("SQLite", () => {
  const path = join(temporaryDirectory(), "naming.db");
  return { open: async () => openSqliteStore(path) };
});
