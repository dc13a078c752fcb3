import { ChatError } from "../shared/errors.ts";
import { BoundedMap } from "./bounded-map.ts";
import { type Rate, type RateClass, type RateLimits, SERVER_LIMITS } from "./limits.ts";

const MS_PER_SECOND = 1000;

/**
 * Token buckets of one rate, one for each key: a bucket is the moment at which it is full again. Those that are not
 * used for long enough are full, so that forgetting them forgets nothing.
 */
class TokenBuckets {
  readonly #tokenMs: number;
  readonly #fullMs: number;
  readonly #buckets = new BoundedMap<string, { fullAtMs: number }>(SERVER_LIMITS.rateLimitedClients);

  constructor({ burst, perSecond }: Rate) {
    this.#tokenMs = MS_PER_SECOND / perSecond;
    this.#fullMs = burst * this.#tokenMs;
  }

  /** Takes a token; answers 0, or in how many milliseconds there is one. */
  take(key: string, nowMs: number): number {
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = { fullAtMs: nowMs };
      this.#buckets.set(key, bucket);
    }
    const fullAtMs = Math.max(bucket.fullAtMs, nowMs) + this.#tokenMs;
    const missingMs = fullAtMs - nowMs - this.#fullMs;
    // What rounding leaves of a token that is due is no reason to refuse it.
    if (missingMs > this.#tokenMs / 1000) return missingMs;
    bucket.fullAtMs = fullAtMs;
    return 0;
  }
}

/** Limits what one client may ask of this instance, by class of request: first by its network, then by who it is. */
export class RateLimiter {
  readonly #byNetwork: Readonly<Record<RateClass, TokenBuckets>>;
  readonly #byCaller: Readonly<Record<RateClass, TokenBuckets | undefined>>;
  readonly #refused: (rateClass: RateClass) => void;

  constructor(limits: RateLimits, refused: (rateClass: RateClass) => void) {
    const classes = Object.keys(limits) as RateClass[];
    const table = <T>(make: (rateClass: RateClass) => T) =>
      Object.fromEntries(classes.map((rateClass) => [rateClass, make(rateClass)])) as Record<RateClass, T>;
    this.#byNetwork = table((rateClass) => new TokenBuckets(limits[rateClass].network));
    this.#byCaller = table((rateClass) => {
      const { caller } = limits[rateClass];
      return caller && new TokenBuckets(caller);
    });
    this.#refused = refused;
  }

  /** @throws ChatError RATE_LIMITED */
  admitNetwork(rateClass: RateClass, network: string, nowMs: number): void {
    this.#settle(rateClass, this.#byNetwork[rateClass].take(network, nowMs));
  }

  /** @throws ChatError RATE_LIMITED */
  admitCaller(rateClass: RateClass, username: string, nowMs: number): void {
    this.#settle(rateClass, this.#byCaller[rateClass]?.take(username, nowMs) ?? 0);
  }

  #settle(rateClass: RateClass, waitMs: number): void {
    if (waitMs === 0) return;
    this.#refused(rateClass);
    throw rateLimited(waitMs / MS_PER_SECOND);
  }
}

/** The answer carries how long to wait, in `Retry-After`. */
export function rateLimited(seconds: number, what = "too many requests"): ChatError {
  return new ChatError("RATE_LIMITED", what, { details: { retryAfterSeconds: Math.max(1, Math.ceil(seconds)) } });
}
