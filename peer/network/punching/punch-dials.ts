import type { Runtime } from "../../messaging/runtime.ts";
import type { NetworkLimits } from "../limits.ts";

type Options = {
  readonly limits: Pick<NetworkLimits, "punchDials" | "punchPauseMs" | "punchDialsPerMinute">;
  readonly runtime: Pick<Runtime, "after" | "monotonic" | "random">;
};

/** Dials of one attempt. */
export interface PunchBudget {
  /** Whether to dial now. */
  take(): boolean;
  /** The same, after the pause that follows on a dial which was refused. */
  takeLater(): Promise<boolean>;
}

const MINUTE_MS = 60_000;
const GROWTH = 1.4;

/** How often this device dials where somebody else says: so often for one attempt, and in any minute for all together. */
export class PunchDials {
  readonly #options: Options;
  #atMs: readonly number[] = [];

  constructor(options: Options) {
    this.#options = options;
  }

  attempt(): PunchBudget {
    let dialled = 0;
    const take = () => {
      if (dialled >= this.#options.limits.punchDials || !this.#takeOfAll()) return false;
      dialled += 1;
      return true;
    };
    return { take, takeLater: () => this.#pause(dialled).then(take) };
  }

  #takeOfAll(): boolean {
    const { limits, runtime } = this.#options;
    const nowMs = runtime.monotonic();
    this.#atMs = this.#atMs.filter((atMs) => nowMs - atMs < MINUTE_MS);
    if (this.#atMs.length >= limits.punchDialsPerMinute) return false;
    this.#atMs = [...this.#atMs, nowMs];
    return true;
  }

  /**
   * By chance, so that both sides do not keep missing each other. Short at first: what counts is that the two are on their
   * way at the same time. Who has not met by half of the dials is later than thought.
   */
  #pause(dialled: number): Promise<void> {
    const { limits, runtime } = this.#options;
    const mostMs = limits.punchPauseMs * GROWTH ** Math.max(0, dialled - limits.punchDials / 2);
    const { promise, resolve } = Promise.withResolvers<void>();
    runtime.after(runtime.random() * mostMs, resolve);
    return promise;
  }
}
