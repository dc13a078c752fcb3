import { randomBytes } from "node:crypto";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import { ED25519 } from "../shared/ed25519.ts";
import { asChatError, ChatError } from "../shared/errors.ts";
import { AccessTokens } from "./access-tokens.ts";
import { createApp } from "./app.ts";
import { createClientNetworks } from "./client-network.ts";
import type { Config } from "./config.ts";
import { Connections, connectionCapacity } from "./connections.ts";
import { Directory } from "./directory.ts";
import { SERVER_LIMITS } from "./limits.ts";
import { LogTree } from "./log/log-tree.ts";
import { type Pace, realPace } from "./log/pace.ts";
import { TransparencyLog } from "./log/transparency-log.ts";
import { Metrics } from "./metrics.ts";
import { PresenceFeed } from "./presence/presence-feed.ts";
import { watchProcess } from "./process-metrics.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { SigningKeys } from "./signing-keys.ts";
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

export type Surroundings = {
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Milliseconds of a clock that never goes back; the computer's unless told otherwise. */
  readonly monotonic?: () => number;
  readonly log: Logger;
  /** How fast checkpoints may follow each other. */
  readonly pace?: Pace;
};

/**
 * Opens the database and listens.
 *
 * @throws ChatError STORAGE, STORE_CORRUPT, VERSION_UNSUPPORTED when the database cannot be used; CONFIG_INVALID when
 *   the TLS files or the address cannot
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
  const { now, log, pace = realPace(SERVER_LIMITS.checkpointIntervalMs) } = surroundings;
  const keys = await SigningKeys.open(store, now);
  const tree = await LogTree.open(store);
  const seed = await store.keepLogSeed(randomBytes(ED25519.seedBytes));
  const restoration = await store.findRestoration();
  const server = createHttpServer(config);
  const capacity = connectionCapacity();
  const connections = new Connections(server, capacity);
  const url = await listen(server, config);
  const publicUrl = config.publicUrl ?? url;
  const transparency = new TransparencyLog({ store, tree, seed, publicUrl, now, pace });
  const directory = new Directory({ store, log: transparency, now });
  const tokens = new AccessTokens({ keys, publicUrl, now });
  const metrics = new Metrics();
  const limiter = new RateLimiter(config.rates, (rateClass) => metrics.limited.add(rateClass));
  const networkOf = createClientNetworks(config.trustedProxies);
  metrics.gauge("database_bytes", "What the database takes.", () => store.sizeBytes());
  const unwatch = watchProcess(metrics, server, connections);
  const monotonic = surroundings.monotonic ?? performance.now.bind(performance);
  const watchers = Math.floor(capacity * SERVER_LIMITS.watchersShare);
  const presence = new PresenceFeed({ store, directory, now, monotonic, logger: log, capacity: watchers });
  metrics.gauge("log_entries", "Records in the log, as far as its newest checkpoint.", () => transparency.size);
  metrics.gauge("log_checkpoint_time_seconds", "When that was signed.", () => transparency.signedAt);
  metrics.gauge("presence_watchers", "Streams of presence that are open.", () => presence.watchers);
  const { registration, allowances } = config;
  const requests = { registration, allowances, restoration, monotonic, limiter, networkOf, metrics };
  const services = { store, directory, log: transparency, keys, tokens, presence, publicUrl, now, ...requests };
  server.on("request", createApp(services, log) as RequestListener);

  const sweep = createSweep({ store, keys, log: transparency, now });
  const sweeping = setInterval(() => {
    sweep().catch((error: unknown) => log.error({ code: asChatError(error).code }, "upkeep failed"));
  }, SERVER_LIMITS.sweepEveryMs);

  let stopped: Promise<void> | undefined;
  const stop = async () => {
    clearInterval(sweeping);
    unwatch();
    await presence.stop();
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

function createHttpServer({ tls }: Config): Server {
  const options = {
    headersTimeout: SERVER_LIMITS.headersTimeoutMs,
    requestTimeout: SERVER_LIMITS.requestTimeoutMs,
    keepAliveTimeout: SERVER_LIMITS.keepAliveTimeoutMs,
    connectionsCheckingInterval: SERVER_LIMITS.timeoutCheckEveryMs,
    maxHeaderSize: SERVER_LIMITS.headerMaxBytes,
  };
  if (tls === undefined) return createServer(options);
  try {
    return createTlsServer({ ...options, ...tls, handshakeTimeout: SERVER_LIMITS.headersTimeoutMs });
  } catch (cause) {
    throw new ChatError("CONFIG_INVALID", `the TLS files cannot be used: ${messageOf(cause)}`, { cause });
  }
}

/** The URL, with the host as configured and the port that it got. */
function listen(server: Server, { host, port, tls }: Config): Promise<string> {
  return new Promise((resolve, reject) => {
    const refuse = (cause: Error) =>
      reject(new ChatError("CONFIG_INVALID", `cannot listen on ${host} port ${port}: ${cause.message}`, { cause }));
    server.once("error", refuse);
    server.listen({ host, port }, () => {
      server.off("error", refuse);
      const authority = host.includes(":") ? `[${host}]` : host;
      const { port: bound } = server.address() as AddressInfo;
      resolve(new URL(`${tls === undefined ? "http" : "https"}://${authority}:${bound}`).href.replace(/\/$/, ""));
    });
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "unreadable";
}
