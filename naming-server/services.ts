import type { IncomingMessage } from "node:http";
import type { AccessTokens } from "./access-tokens.ts";
import type { Registration } from "./admission.ts";
import type { Directory } from "./directory.ts";
import type { Allowances } from "./limits.ts";
import type { TransparencyLog } from "./log/transparency-log.ts";
import type { Metrics } from "./metrics.ts";
import type { PresenceFeed } from "./presence/presence-feed.ts";
import type { RateLimiter } from "./rate-limiter.ts";
import type { RelayAdmission, RelayList } from "./relay-list.ts";
import type { SigningKeys } from "./signing-keys.ts";
import type { Restoration, Store } from "./storage/store.ts";

/** What the routes work with. */
export type Services = {
  readonly store: Store;
  readonly directory: Directory;
  readonly log: TransparencyLog;
  readonly keys: SigningKeys;
  readonly tokens: AccessTokens;
  readonly presence: PresenceFeed;
  readonly relays: RelayList;
  readonly relayAdmission: RelayAdmission;
  /** How clients and records name this server: no trailing slash. */
  readonly publicUrl: string;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
  readonly registration: Registration;
  readonly allowances: Allowances;
  /** Where the database was put back from a backup. */
  readonly restoration: Restoration | undefined;
  readonly limiter: RateLimiter;
  /** What a client is counted by. */
  readonly networkOf: (req: IncomingMessage) => string;
  readonly metrics: Metrics;
};
