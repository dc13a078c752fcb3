import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Store } from "../store.ts";
import { forgetAllowances, openInvites } from "./allowances.ts";
import { openPool, reachDatabase, readDatabaseUrl } from "./connections.ts";
import { Database, type DatabaseOptions } from "./database.ts";
import { forgetAddresses, openDevices } from "./devices.ts";
import { forgetClaimed, openKeyPackages } from "./key-packages.ts";
import { openLog } from "./log.ts";
import { forgetMailboxes, openMailboxes } from "./mailboxes.ts";
import { migrate } from "./migrations.ts";
import { openNames } from "./names.ts";
import { forgetRelays, openRelays } from "./relays.ts";
import { openRestoration } from "./restoration.ts";
import { forgetAssertions, openTokens } from "./tokens.ts";
import { Writes } from "./writes.ts";

const PING = { name: "ping", text: "SELECT version FROM p2pchat_naming_server" };

const SIZE = { name: "size", text: "SELECT pg_database_size(current_database()) AS bytes" };

/**
 * Any number of instances may share a database.
 *
 * @param url  `postgres://...`
 * @throws ChatError CONFIG_INVALID, STORAGE, STORE_CORRUPT, VERSION_UNSUPPORTED, each with a message for the operator
 */
export async function openPostgresStore(url: string): Promise<Store> {
  const config = readDatabaseUrl(url);
  await reachDatabase(() => migrate(config));
  return createPostgresStore({ connections: openPool(config), random: Math.random, sleep: delay });
}

/** The store in a database whose schema is up to date. */
export function createPostgresStore(options: DatabaseOptions): Store {
  const database = new Database(options);
  const writes = new Writes(database, randomUUID());
  return {
    ...openNames(database, writes),
    ...openLog(database),
    ...openDevices(database, writes),
    ...openMailboxes(database, writes),
    ...openRelays(database),
    ...openKeyPackages(database),
    ...openTokens(database),
    ...openInvites(database),
    ...openRestoration(database),

    foreignWrites: () => writes.foreign(),

    forgetExpired: (before) =>
      database.transaction(async (query) => {
        await forgetAssertions(query, before.assertions);
        await forgetClaimed(query, before.claims);
        await forgetAllowances(query, before.allowances);
        await writes.fold(query, before.claims);
        await forgetAddresses(query, before);
        await forgetMailboxes(query, before.mailboxes);
        await forgetRelays(query, before.relays);
      }),

    async ping() {
      await database.query(PING);
    },

    async sizeBytes() {
      const { rows } = await database.query<{ bytes: number }>(SIZE);
      return rows[0]?.bytes ?? 0;
    },

    close: () => database.close(),
  };
}
