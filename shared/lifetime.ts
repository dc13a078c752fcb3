import { ChatError } from "./errors.ts";
import { LIMITS } from "./protocol.ts";

/**
 * Checks that a record has not expired and does not claim to live longer than its kind may. Whoever signed it may have a
 * wrong clock, so the refusal says what the time is here.
 *
 * @param exp  seconds since the Unix epoch
 * @throws ChatError RECORD_EXPIRED, RECORD_INVALID (reason `lifetime`), both with `serverTime` as detail
 */
export function checkLifetime(exp: number, rules: { nowMs: number; what: string; maxSeconds: number }): void {
  const { nowMs, what, maxSeconds } = rules;
  const expiresInSeconds = exp - nowMs / 1000;
  const details = { serverTime: Math.floor(nowMs / 1000) };
  if (expiresInSeconds < -LIMITS.clockSkewSeconds) {
    throw new ChatError("RECORD_EXPIRED", `${what} has expired`, { details });
  }
  if (expiresInSeconds > maxSeconds + LIMITS.clockSkewSeconds) {
    throw new ChatError("RECORD_INVALID", `${what} outlives ${maxSeconds} s`, { reason: "lifetime", details });
  }
}
