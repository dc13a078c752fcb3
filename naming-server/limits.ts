import { LIMITS } from "../shared/protocol.ts";
import type { Allowance } from "./storage/store.ts";

/**
 * Every limit of the naming server that its clients need not know; those they share stand in `shared/protocol.ts`.
 * Sizes are bytes, counts are counts.
 */
export const SERVER_LIMITS = {
  bodyMaxBytes: 16 * 1024,
  keyPackageUploadMaxBytes: 256 * 1024,
  headerMaxBytes: 8 * 1024,

  headersTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  timeoutCheckEveryMs: 1_000,
  keepAliveTimeoutMs: 30_000,
  /** In-flight requests end within this; the rest of ten seconds is for the database. */
  drainTimeoutMs: 8_000,

  maxConnections: 8_192,
  /** Kept free for the database, logs and listening sockets. */
  reservedDescriptors: 64,

  /** Of answers kept in memory: some 30,000 ordinary ones, 10,000 with a mailbox, however large a few are made. */
  cachedAnswerCharacters: 48 * 1024 * 1024,
  cachedTokens: 5_000,
  /** Of each class, networks and callers each: whoever comes from more of them than this is not held by such limits. */
  rateLimitedClients: 20_000,
  /** How long another instance's write may stay unseen here: in answers, and in the check for removed devices. */
  cacheMaxAgeMs: 1_000,

  /** A first record older than this claims no name: whoever signed it has given up. */
  firstRecordMaxAgeSeconds: 300,
  /** After a restore: how long what was lost may be published again. */
  republishSeconds: 30 * 24 * 3600,
  historyPageRecords: 50,
  /** Of an address record, when it is accepted. */
  addressLongestLifeSeconds: LIMITS.addressRecordMaxLifetimeSeconds + LIMITS.clockSkewSeconds,

  signingKeyLifetimeSeconds: 30 * 24 * 3600,
  jwksMaxAgeSeconds: 300,

  /** A new checkpoint follows the last no sooner, and covers all that was accepted meanwhile. */
  checkpointIntervalMs: 1_000,
  /** Well before the last one is older than clients are promised. */
  checkpointRenewSeconds: 1_800,
  /** Leaves read from the database at a time. */
  logReadEntries: 4_096,

  sweepEveryMs: 60_000,
  /** What expired is forgotten once this many sweeps agree, so that a clock that jumps ahead reopens nothing. */
  sweepsThatAgree: 4,
  /** How long the hash of a claimed key package is remembered, so that a repeated upload does not offer it again. */
  claimedKeyPackageSeconds: 24 * 3600,

  /** How far back a watcher that comes again can go on where it stopped. */
  presenceHistorySeconds: 600,
  presenceRecentTransitions: 10_000,
  presencePageRows: 1_000,
  /** How often devices that went without a word, and other instances' writes, are looked for. */
  presencePollMs: 1_000,
  /** Longer than any transaction lasts: for so long a lower id may still appear after a higher one. */
  presenceOverlapMs: 10_000,
  presenceResyncEveryMs: 60_000,
  /** What changes within this goes in one event. */
  presenceCoalesceMs: 5,
  /** The pause after changes were told, for each who was told: a write to a socket costs some 15 µs. */
  presencePauseMsPerWatcher: 0.1,
  /** Every watcher gets the whole list this often, in one of so many phases; clients are promised ten seconds. */
  presenceListEveryMs: 9_750,
  presencePhases: 39,
  /** Of all connections, so that watchers never shut out everybody else. */
  watchersShare: 0.75,
  watchersPerDevice: 4,
  /** Whoever leaves more than this unread is cut off at the next event. */
  watcherMaxBacklogBytes: 1024 * 1024,
  watcherCheckEveryRounds: 6,
  watcherRetryMs: 3_000,
  /** Watchers that are written to before other work has its turn. */
  broadcastSlice: 200,

  /** Writes that share one transaction and one fsync. */
  groupCommitMaxWrites: 64,
  databaseBusyTimeoutMs: 2_000,
  /** Enough for the inner pages of the indexes of some hundred thousand names. */
  databaseCacheKibibytes: 8 * 1024,

  /** Of one instance; PostgreSQL takes a hundred in all unless it is told otherwise. */
  databaseConnections: 10,
  /** For a new connection, or for one that others use. */
  databaseConnectTimeoutMs: 2_000,
  databaseStatementTimeoutMs: 3_000,
  /** Past this the connection is given up: the database has not even said that it gave up. */
  databaseAnswerTimeoutMs: 5_000,
  /** At the start: a database that is only just starting itself is waited for. */
  databaseStartTimeoutMs: 10_000,
  databaseStartRetryMs: 250,
  databaseMigrationTimeoutMs: 10 * 60_000,
  /** Rows that one statement writes where a whole database moves. */
  movedRows: 1_000,
  /** How often a transaction is run that the database undoes in favour of others, and what is waited in between. */
  databaseAttempts: 10,
  databaseRetryMs: 2,
  databaseRetryMaxMs: 250,
  /** Names that one query looks up, and how many such queries an instance has under way. */
  lookupsPerQuery: 256,
  lookupsUnderWay: 1,
  /** How long the log waits for an instance that died while it gave out places. */
  logLeaseMs: 2_000,
  logRetryMs: 50,
  /** How long a request waits for the place of its record: for a dead instance's lease, a checkpoint and a slow database. */
  logWaitMs: 8_000,
} as const;

/** A bucket that holds `burst` requests and gets so many back a second. */
export type Rate = { readonly burst: number; readonly perSecond: number };

/** What requests are counted by: those of one class cost about the same. */
export type RateClass = "lookup" | "presence" | "log" | "token" | "write" | "claim" | "registration" | "relay" | "open";

export type RateLimits = Readonly<Record<RateClass, { readonly network: Rate; readonly caller?: Rate }>>;

/**
 * By network, which is an IPv4 address or an IPv6 /64, and by caller, which is a username. Each instance counts for
 * itself. A network may be an office of some hundred people: a device renews its addresses every 20 s, asks for a token
 * every 10 minutes, and looks each of its contacts up once a minute while they talk. A relay renews its descriptor, which lives an hour at most, twice
 * in that time: one network never holds half of the list of relays.
 */
export const RATE_LIMITS: RateLimits = {
  lookup: { network: { burst: 3000, perSecond: 100 }, caller: { burst: 600, perSecond: 10 } },
  presence: { network: { burst: 1000, perSecond: 20 }, caller: { burst: 60, perSecond: 1 } },
  log: { network: { burst: 3000, perSecond: 50 } },
  token: { network: { burst: 600, perSecond: 10 }, caller: { burst: 60, perSecond: 0.5 } },
  write: { network: { burst: 1200, perSecond: 60 }, caller: { burst: 120, perSecond: 2 } },
  claim: { network: { burst: 600, perSecond: 10 }, caller: { burst: 120, perSecond: 0.5 } },
  registration: { network: { burst: 120, perSecond: 1 } },
  relay: { network: { burst: 32, perSecond: 0.02 } },
  open: { network: { burst: 600, perSecond: 20 } },
};

/** What is scarce, counted in the database, by all instances together. */
export type Allowances = Readonly<Record<"registration" | "update" | "claim", Allowance>>;

/**
 * New names by network: 200 at once, and 200 a day. Later records by name: each stays in the log for ever. Key packages
 * by who asks and whose they are: beyond it there are last resorts only.
 */
export const ALLOWANCES: Allowances = {
  registration: { burst: 200, everySeconds: 432 },
  update: { burst: 20, everySeconds: 3600 },
  claim: { burst: 6, everySeconds: 600 },
};

export function scaleAllowances(allowances: Allowances, factor: number): Allowances {
  const entries = Object.entries(allowances).map(([kind, { burst, everySeconds }]) => {
    const scaled = { burst: Math.max(1, Math.floor(burst * factor)), everySeconds: Math.ceil(everySeconds / factor) };
    return [kind, scaled];
  });
  return Object.fromEntries(entries);
}

/** For those who serve more people behind one address, or none that they do not know. */
export function scaleRates(rates: RateLimits, factor: number): RateLimits {
  const scale = ({ burst, perSecond }: Rate): Rate => ({
    burst: Math.max(1, burst * factor),
    perSecond: perSecond * factor,
  });
  const entries = Object.entries(rates).map(([rateClass, { network, caller }]) => {
    return [rateClass, { network: scale(network), ...(caller && { caller: scale(caller) }) }];
  });
  return Object.fromEntries(entries);
}
