import type { DeviceId } from "../../shared/device-id.ts";
import type { NetworkLimits } from "./limits.ts";

/** Whose wish an attempt is. */
export type Side = "own" | "theirs";

type Options = {
  readonly self: DeviceId;
  readonly limits: Pick<NetworkLimits, "punchIntervalMs" | "punchesAtOnce">;
  readonly monotonic: () => number;
};

/** Which attempts to meet a contact go ahead: few at once, and one with each contact now and then. */
export class PunchAttempts {
  readonly #options: Options;
  readonly #running = new Set<string>();
  readonly #startedAtMs = new Map<string, number>();

  constructor(options: Options) {
    this.#options = options;
  }

  /** Runs it, or answers undefined where none may start now. */
  async run<T>(side: Side, device: DeviceId, attempt: () => Promise<T>): Promise<T | undefined> {
    const key = `${side} ${device}`;
    if (!this.#mayStart(side, device)) return undefined;
    this.#running.add(key);
    this.#startedAtMs.set(key, this.#options.monotonic());
    try {
      return await attempt();
    } finally {
      this.#running.delete(key);
    }
  }

  #mayStart(side: Side, device: DeviceId): boolean {
    const { self, limits } = this.#options;
    this.#forgetOld();
    if (this.#startedAtMs.has(`${side} ${device}`) || this.#running.size >= limits.punchesAtOnce) return false;
    // where both wish it at once, both follow the smaller id
    if (this.#running.has(`own ${device}`)) return device < self;
    return !this.#running.has(`theirs ${device}`);
  }

  #forgetOld(): void {
    const { limits, monotonic } = this.#options;
    for (const [key, startedAtMs] of this.#startedAtMs) {
      const isOld = monotonic() - startedAtMs >= limits.punchIntervalMs;
      if (isOld && !this.#running.has(key)) this.#startedAtMs.delete(key);
    }
  }
}
