import { isChatError } from "../../shared/errors.ts";
import type { Runtime } from "./runtime.ts";

const FIRST_MS = 1000;
/** Doubling ends here until a wait of a third of the outage is longer. */
const SHORT_MS = 15_000;
const MAX_MS = 5 * 60_000;
const MAX_AFTER_A_DAY_MS = 60 * 60_000;
const DAY_MS = 24 * 60 * 60_000;

/**
 * How long to wait before the next try: full jitter, doubling from 1 s to 15 s, then growing with the time since the
 * first failure to 5 min, to 1 h once a day has passed. So whoever was away for a minute is not kept waiting for another.
 */
export interface BackOff {
  next(): number;
  /** Something changed: the next failure counts as the first. */
  reset(): void;
}

/** @see https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/ */
export function backOff(runtime: Runtime): BackOff {
  let failures = 0;
  let sinceMs = 0;
  return {
    next() {
      const nowMs = runtime.monotonic();
      if (failures === 0) sinceMs = nowMs;
      const ceiling = Math.min(FIRST_MS * 2 ** Math.min(failures, 20), longestAfter(nowMs - sinceMs));
      failures += 1;
      return Math.ceil(runtime.random() * ceiling);
    },
    reset() {
      failures = 0;
    },
  };
}

function longestAfter(outageMs: number): number {
  if (outageMs > DAY_MS) return MAX_AFTER_A_DAY_MS;
  return Math.min(MAX_MS, Math.max(SHORT_MS, outageMs / 3));
}

/** How long a server asks to be left alone, where this is its refusal: at most as long as a back-off may be. */
export function retryAfterMs(error: unknown): number {
  const seconds = isChatError(error) ? error.details?.["retryAfterSeconds"] : undefined;
  return typeof seconds === "number" ? Math.min(seconds * 1000, MAX_AFTER_A_DAY_MS) : 0;
}
