import type { Runtime } from "./runtime.ts";

const FIRST_MS = 1000;
const MAX_MS = 5 * 60_000;
const MAX_AFTER_A_DAY_MS = 60 * 60_000;
const DAY_MS = 24 * 60 * 60_000;

/** How long to wait before the next try: full jitter, doubling from 1 s to 5 min, to 1 h once a day has passed. */
export interface BackOff {
  next(): number;
  /** Something changed: the next failure counts as the first. */
  reset(): void;
}

/** @see https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/ */
export function backOff(runtime: Runtime): BackOff {
  let failures = 0;
  let since = runtime.monotonic();
  return {
    next() {
      const max = runtime.monotonic() - since > DAY_MS ? MAX_AFTER_A_DAY_MS : MAX_MS;
      const ceiling = Math.min(max, FIRST_MS * 2 ** Math.min(failures, 20));
      failures += 1;
      return Math.ceil(runtime.random() * ceiling);
    },
    reset() {
      failures = 0;
      since = runtime.monotonic();
    },
  };
}
