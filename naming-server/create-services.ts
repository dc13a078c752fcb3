import { randomBytes } from "node:crypto";
import type { Logger } from "pino";
import { ED25519 } from "../shared/ed25519.ts";
import { AccessTokens } from "./access-tokens.ts";
import { createClientNetworks } from "./client-network.ts";
import type { Config } from "./config.ts";
import { Directory } from "./directory.ts";
import { SERVER_LIMITS } from "./limits.ts";
import { LogTree } from "./log/log-tree.ts";
import { type Pace, realPace } from "./log/pace.ts";
import { TransparencyLog } from "./log/transparency-log.ts";
import { Metrics } from "./metrics.ts";
import { PresenceFeed } from "./presence/presence-feed.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { RelayList } from "./relay-list.ts";
import type { Services } from "./services.ts";
import { SigningKeys } from "./signing-keys.ts";
import type { Restoration, Store } from "./storage/store.ts";

export type Surroundings = {
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Milliseconds of a clock that never goes back; the computer's unless told otherwise. */
  readonly monotonic?: () => number;
  readonly log: Logger;
  /** How fast checkpoints may follow each other. */
  readonly pace?: Pace;
};

/** What is read from the database before anybody is answered. */
export type State = {
  readonly keys: SigningKeys;
  readonly tree: LogTree;
  readonly seed: Uint8Array;
  readonly restoration: Restoration | undefined;
};

/** @throws ChatError STORE_CORRUPT and what else the store throws */
export async function readState(store: Store, { now }: Pick<Surroundings, "now">): Promise<State> {
  return {
    keys: await SigningKeys.open(store, now),
    tree: await LogTree.open(store),
    seed: await store.keepLogSeed(randomBytes(ED25519.seedBytes)),
    restoration: await store.findRestoration(),
  };
}

type Parts = {
  readonly config: Config;
  readonly store: Store;
  readonly surroundings: Surroundings;
  readonly state: State;
  readonly publicUrl: string;
  /** Connections that this process can hold open. */
  readonly capacity: number;
};

/** Puts together what the routes work with. */
export function createServices({ config, store, surroundings, state, publicUrl, capacity }: Parts): Services {
  const { now, log: logger, pace = realPace(SERVER_LIMITS.checkpointIntervalMs) } = surroundings;
  const { monotonic = performance.now.bind(performance) } = surroundings;
  const { keys, tree, seed, restoration } = state;
  const { registration, allowances, relays: relayAdmission } = config;
  const log = new TransparencyLog({ store, tree, seed, publicUrl, now, pace });
  const directory = new Directory({ store, log, now });
  const tokens = new AccessTokens({ keys, publicUrl, now });
  const metrics = new Metrics();
  const limiter = new RateLimiter(config.rates, (rateClass) => metrics.limited.add(rateClass));
  const networkOf = createClientNetworks(config.trustedProxies);
  const watchers = Math.floor(capacity * SERVER_LIMITS.watchersShare);
  const presence = new PresenceFeed({ store, directory, now, monotonic, logger, capacity: watchers });
  const relays = new RelayList({ store, admission: relayAdmission, now });
  const records = { directory, log, relays, relayAdmission };
  const requests = { registration, allowances, restoration, limiter, networkOf, metrics };
  const services = { store, ...records, keys, tokens, presence, publicUrl, now, monotonic, ...requests };
  addGauges(services);
  return services;
}

function addGauges({ metrics, store, log, relays, presence }: Services): void {
  metrics.gauge("database_bytes", "What the database takes.", () => store.sizeBytes());
  metrics.gauge("log_entries", "Records in the log, as far as its newest checkpoint.", () => log.size);
  metrics.gauge("log_checkpoint_time_seconds", "When that was signed.", () => log.signedAt);
  metrics.gauge("relays", "Relays that are listed.", async () => (await relays.read()).count);
  metrics.gauge("presence_watchers", "Streams of presence that are open.", () => presence.watchers);
}
