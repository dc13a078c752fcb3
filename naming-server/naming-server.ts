import type { RequestListener } from "node:http";
import type { Logger } from "pino";
import { asChatError } from "../shared/errors.ts";
import { createApp } from "./app.ts";
import type { Config } from "./config.ts";
import { Connections, connectionCapacity } from "./connections.ts";
import { createServices, readState, type Surroundings } from "./create-services.ts";
import { createHttpServer, listen } from "./http-server.ts";
import { SERVER_LIMITS } from "./limits.ts";
import { assertOwnNames } from "./own-names.ts";
import { watchProcess } from "./process-metrics.ts";
import type { Services } from "./services.ts";
import { openStore } from "./storage/open-store.ts";
import type { Store } from "./storage/store.ts";
import { createSweep } from "./sweep.ts";

export type NamingServer = {
  /** Where it listens. */
  readonly url: string;
  /** What clients must name as audience. */
  readonly publicUrl: string;
  /** Answers what is in flight and closes the database; idempotent. */
  stop(): Promise<void>;
};

/**
 * Opens the database and listens.
 *
 * @throws ChatError STORAGE, STORE_CORRUPT, VERSION_UNSUPPORTED when the database cannot be used; CONFIG_INVALID when
 *   the TLS files or the address cannot, or the names in the database are another server's
 */
export async function startNamingServer(config: Config, surroundings: Surroundings): Promise<NamingServer> {
  const store = await openStore(config.databaseUrl);
  try {
    return await serve(config, store, surroundings);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function serve(config: Config, store: Store, surroundings: Surroundings): Promise<NamingServer> {
  const state = await readState(store, surroundings);
  const server = createHttpServer(config);
  const capacity = connectionCapacity();
  const connections = new Connections(server, capacity);
  const url = await listen(server, config);
  const publicUrl = config.publicUrl ?? url;
  await assertOwnNames(store, publicUrl).catch((error: unknown) => {
    server.close();
    throw error;
  });
  const services = createServices({ config, store, surroundings, state, publicUrl, capacity });
  const unwatch = watchProcess(services.metrics, server, connections);
  server.on("request", createApp(services, surroundings.log) as RequestListener);
  const endUpkeep = keepUp(services, surroundings.log);

  let stopped: Promise<void> | undefined;
  const stop = async () => {
    endUpkeep();
    unwatch();
    await services.presence.stop();
    await connections.drain(SERVER_LIMITS.drainTimeoutMs);
    await store.close();
  };
  return {
    url,
    publicUrl,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** Sweeps now and then; the answer ends it. */
function keepUp(services: Services, log: Logger): () => void {
  const sweep = createSweep(services);
  const sweeping = setInterval(() => {
    sweep().catch((error: unknown) => log.error({ code: asChatError(error).code }, "upkeep failed"));
  }, SERVER_LIMITS.sweepEveryMs);
  return () => clearInterval(sweeping);
}
