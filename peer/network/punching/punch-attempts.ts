import type { DeviceId } from "../../../shared/device-id.ts";
import type { NetworkLimits } from "../limits.ts";

/** Whose wish an attempt is. */
export type Side = "own" | "theirs";

type Options = {
  readonly self: DeviceId;
  readonly limits: Pick<NetworkLimits, "punchIntervalMs" | "punchIntervalMaxMs" | "punchesAtOnce">;
  readonly monotonic: () => number;
};

type Past = { readonly startedAtMs: number; readonly failures: number };

/**
 * Which attempts to meet a contact go ahead: few at once, and one with each contact now and then; of those that the other
 * side wishes, which costs it nothing, ever fewer while they fail.
 */
export class PunchAttempts {
  readonly #options: Options;
  readonly #running = new Set<string>();
  readonly #past = new Map<string, Past>();

  constructor(options: Options) {
    this.#options = options;
  }

  /** Runs it, or answers undefined where none may start now. */
  async run<T>(side: Side, device: DeviceId, attempt: () => Promise<T>): Promise<T | undefined> {
    const key = `${side} ${device}`;
    if (!this.#mayStart(side, device)) return undefined;
    const failures = side === "own" ? 0 : (this.#past.get(key)?.failures ?? 0);
    const startedAtMs = this.#options.monotonic();
    this.#running.add(key);
    this.#past.set(key, { startedAtMs, failures: failures + 1 });
    try {
      const met = await attempt();
      this.#past.set(key, { startedAtMs, failures: 0 });
      return met;
    } finally {
      this.#running.delete(key);
    }
  }

  #mayStart(side: Side, device: DeviceId): boolean {
    const { self, limits } = this.#options;
    this.#forgetOld();
    const past = this.#past.get(`${side} ${device}`);
    if (past !== undefined && this.#ageMs(past) < this.#intervalMs(past)) return false;
    if (this.#running.has(`${side} ${device}`) || this.#running.size >= limits.punchesAtOnce) return false;
    // where both wish it at once, both follow the smaller id
    if (this.#running.has(`own ${device}`)) return device < self;
    return !this.#running.has(`theirs ${device}`);
  }

  #ageMs({ startedAtMs }: Past): number {
    return this.#options.monotonic() - startedAtMs;
  }

  #intervalMs({ failures }: Past): number {
    const { punchIntervalMs, punchIntervalMaxMs } = this.#options.limits;
    return Math.min(punchIntervalMs * 2 ** Math.max(0, failures - 1), punchIntervalMaxMs);
  }

  /** Long enough that waiting for it makes no difference. */
  #forgetOld(): void {
    for (const [key, past] of this.#past) {
      const isOld = this.#ageMs(past) >= 2 * this.#options.limits.punchIntervalMaxMs;
      if (isOld && !this.#running.has(key)) this.#past.delete(key);
    }
  }
}
