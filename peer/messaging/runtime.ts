import { randomBytes } from "node:crypto";

/** Time and dice, as arguments: tests bring their own. */
export interface Runtime {
  /** Wall clock, milliseconds since the Unix epoch: for what people read and what expires, never for timeouts. */
  now(): number;
  /** Milliseconds that only rise, whatever happens to the clock. */
  monotonic(): number;
  /** Runs once after that many monotonic milliseconds; the answer cancels. */
  after(ms: number, run: () => void): () => void;
  randomBytes(length: number): Uint8Array;
  /** Uniform in [0, 1). */
  random(): number;
}

/** What `setTimeout` can count to, 24 days; it takes anything longer for nothing at all. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemRuntime: Runtime = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, Math.min(ms, MAX_TIMER_MS));
    return () => clearTimeout(timer);
  },
  randomBytes: (length) => new Uint8Array(randomBytes(length)),
  random: () => Math.random(),
};

/**
 * The wall clock for what expires: a clock that leaps ahead while the program runs makes nothing old. It falls behind
 * where a computer sleeps, until the next start.
 */
export function unhurriedClock({ now, monotonic }: Pick<Runtime, "now" | "monotonic">): () => number {
  const startedAtMs = now() - monotonic();
  return () => Math.min(now(), startedAtMs + monotonic());
}
