import type { Restoration, Store } from "../store.ts";
import type { Database } from "./database.ts";
import { withdrawAll } from "./devices.ts";
import { forgetOneTime } from "./key-packages.ts";

const SAVE = {
  name: "save-restoration",
  text: `
    INSERT INTO restoration (id, since, until) SELECT 1, coalesce(max(accepted_at), 0), $1::bigint FROM records
    ON CONFLICT (id) DO UPDATE SET since = excluded.since, until = excluded.until`,
};

const FIND = { name: "find-restoration", text: "SELECT since, until FROM restoration" };

const RESTART_LOG = {
  name: "restart-log",
  text: "UPDATE log SET seed = $1, size = NULL, root = NULL, time = NULL, note = NULL",
};

export function openRestoration(database: Database): Pick<Store, "markRestored" | "findRestoration"> {
  return {
    markRestored: ({ at, until, logSeed }) =>
      database.transaction(async (query) => {
        await withdrawAll(query, at);
        await forgetOneTime(query);
        await query(SAVE, until);
        await query(RESTART_LOG, logSeed);
      }),

    async findRestoration() {
      const { rows } = await database.query<Restoration>(FIND);
      return rows[0];
    },
  };
}
