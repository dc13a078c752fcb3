/** How far a sequence that is too low is raised, then twice as far, up to the most. */
const LEAD_MS = 24 * 60 * 60_000;
const MAX_LEAD_MS = 10 * 366 * LEAD_MS;

/** Sequences of records that rise with the clock, and so across restarts. */
export class RisingSequence {
  /** How far the sequence is ahead of the clock. */
  #leadMs = 0;
  #last = 0;

  next(nowMs: number): number {
    this.#last = Math.max(Math.floor(nowMs) + this.#leadMs, this.#last + 1);
    return this.#last;
  }

  /** The server knows a higher one, from a time when its clock or this device's was ahead. */
  raise(): void {
    this.#leadMs = this.#leadMs < MAX_LEAD_MS ? Math.max(LEAD_MS, 2 * this.#leadMs) : 0;
    this.#last = 0;
  }
}
