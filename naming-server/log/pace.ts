import { setTimeout as delay } from "node:timers/promises";

/** How fast checkpoints may follow each other, and the clock by which that is measured. */
export type Pace = {
  readonly intervalMs: number;
  /** Monotonic. */
  nowMs(): number;
  /** Returns at once for a time that is not positive. */
  sleep(ms: number): Promise<void>;
};

export function realPace(intervalMs: number): Pace {
  return {
    intervalMs,
    nowMs: () => performance.now(),
    sleep: async (ms) => {
      if (ms > 0) await delay(ms);
    },
  };
}
