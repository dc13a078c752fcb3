import type { Runtime } from "../runtime.ts";

type Options = {
  /** So many at once, after a rest. */
  readonly burst: number;
  /** And then one in so many milliseconds. */
  readonly everyMs: number;
};

/** How often something may be done that others can ask for without end. */
export class Pace {
  readonly #options: Options;
  readonly #runtime: Pick<Runtime, "monotonic">;
  /** When all of the burst is there again. */
  #fullAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: Options, runtime: Pick<Runtime, "monotonic">) {
    this.#options = options;
    this.#runtime = runtime;
  }

  /** Milliseconds until it may be done. */
  get waitMs(): number {
    const { burst, everyMs } = this.#options;
    return Math.max(0, this.#fullAtMs - this.#runtime.monotonic() - (burst - 1) * everyMs);
  }

  /** It is done now. */
  count(): void {
    this.#fullAtMs = Math.max(this.#fullAtMs, this.#runtime.monotonic()) + this.#options.everyMs;
  }
}
