import { DatabaseError, type Pool } from "pg";
import { onTestFinished } from "vitest";
import { openPool, readDatabaseUrl } from "../../naming-server/storage/postgres/connections.ts";
import type { Connections } from "../../naming-server/storage/postgres/database.ts";
import { migrate } from "../../naming-server/storage/postgres/migrations.ts";
import { createPostgresStore } from "../../naming-server/storage/postgres/postgres-store.ts";
import type { Store } from "../../naming-server/storage/store.ts";

/** Called before each statement, with its name or, where it has none, its text; what it throws is the answer. */
export type Watch = (statement: string) => Promise<void> | void;

export type WatchedStore = Store & { readonly pool: Pool };

/** A store that waits for nothing between its tries, with an eye on every statement. */
export async function openWatchedStore(url: string, watch: Watch): Promise<WatchedStore> {
  const store = await connectWatchedStore(url, watch);
  onTestFinished(() => store.close());
  return store;
}

/** The same, for the caller to close. */
export async function connectWatchedStore(url: string, watch: Watch): Promise<WatchedStore> {
  const config = readDatabaseUrl(url);
  await migrate(config);
  const pool = openPool(config);
  const connections = watched(pool, watch);
  const store = createPostgresStore({ connections, random: () => 0, sleep: async () => {} });
  return { ...store, pool };
}

function watched(pool: Pool, watch: Watch): Connections {
  return {
    get totalCount() {
      return pool.totalCount;
    },
    async connect() {
      const connection = await pool.connect();
      return {
        async query(config) {
          await watch(config.name ?? config.text);
          return connection.query(config);
        },
        release: (destroy) => connection.release(destroy),
      };
    },
    end: () => pool.end(),
  };
}

/** What PostgreSQL says when it undoes a transaction in favour of another. */
export function serializationFailure(): DatabaseError {
  const error = new DatabaseError("could not serialize access", 0, "error");
  error.code = "40001";
  return error;
}
