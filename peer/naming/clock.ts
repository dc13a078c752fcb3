/** The wall clock as the naming server sees it: a computer whose clock is a day off still signs for the right time. */
export interface Clock {
  /** Milliseconds since the Unix epoch, corrected. */
  now(): number;
  /** What is added to this computer's clock. */
  readonly offsetMs: number;
  /** Takes over the server's time, which it gives in whole seconds. */
  adopt(serverTimeSeconds: number): void;
}

/** @param now  this computer's clock, milliseconds since the Unix epoch */
export function createClock(now: () => number): Clock {
  let offsetMs = 0;
  return {
    now: () => now() + offsetMs,
    get offsetMs() {
      return offsetMs;
    },
    adopt(serverTimeSeconds) {
      offsetMs = serverTimeSeconds * 1000 - now();
    },
  };
}
