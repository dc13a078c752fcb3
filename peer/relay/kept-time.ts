import type { Runtime } from "../messaging/runtime.ts";

/** In seconds: how far the count was, and what the computer's clock said then. */
export type SavedTime = { readonly kept_at: number; readonly wall_at: number };

const MS_PER_SECOND = 1000;
const SAVE_SECONDS = 3600;
/** What may have gone by while the program did not run, whatever the clock says. */
const MAX_AWAY_SECONDS = 24 * 3600;

/**
 * Seconds by which a mailbox counts age. They begin with the epoch's, and go on with the time that really goes by here: a
 * clock that leaps makes nothing old, nor does a start with a wrong one by more than a day.
 */
export class KeptTime {
  readonly #runtime: Pick<Runtime, "now" | "monotonic">;
  readonly #startedAtMs: number;
  #savedAt: number | undefined;

  constructor(last: SavedTime | undefined, runtime: Pick<Runtime, "now" | "monotonic">) {
    this.#runtime = runtime;
    const started = last === undefined ? this.#wallSeconds() : afterAbsence(last, this.#wallSeconds());
    this.#startedAtMs = started * MS_PER_SECOND - runtime.monotonic();
    this.#savedAt = last && started;
  }

  seconds(): number {
    return Math.floor((this.#startedAtMs + this.#runtime.monotonic()) / MS_PER_SECOND);
  }

  /** To be called often; saves rarely. */
  save(write: (time: SavedTime) => void): void {
    const seconds = this.seconds();
    if (this.#savedAt !== undefined && seconds - this.#savedAt < SAVE_SECONDS) return;
    write({ kept_at: seconds, wall_at: this.#wallSeconds() });
    this.#savedAt = seconds;
  }

  #wallSeconds(): number {
    return Math.floor(this.#runtime.now() / MS_PER_SECOND);
  }
}

function afterAbsence({ kept_at, wall_at }: SavedTime, wallSeconds: number): number {
  return kept_at + Math.min(Math.max(wallSeconds - wall_at, 0), MAX_AWAY_SECONDS);
}
