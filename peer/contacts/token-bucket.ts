export type TokenBucket = {
  /** False when none is left for now. */
  take(): boolean;
};

/**
 * Full at first, and full again after a minute in which nothing was taken.
 *
 * @param monotonic  milliseconds that only rise
 */
export function tokenBucket(perMinute: number, monotonic: () => number): TokenBucket {
  let tokens = perMinute;
  let filledAtMs = monotonic();
  return {
    take() {
      const nowMs = monotonic();
      tokens = Math.min(perMinute, tokens + ((nowMs - filledAtMs) * perMinute) / 60_000);
      filledAtMs = nowMs;
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}
