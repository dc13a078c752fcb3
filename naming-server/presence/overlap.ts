/**
 * From which id on transitions are read again: ids that were drawn earlier may be committed later, so the reader trusts
 * only what it had passed a whole transaction's time ago.
 */
export class Overlap {
  readonly #overlapMs: number;
  readonly #marks: { readonly atMs: number; readonly id: number }[] = [];
  #trusted: number;

  /** @param start  nothing up to this id is read again */
  constructor(overlapMs: number, start: number) {
    this.#overlapMs = overlapMs;
    this.#trusted = start;
  }

  /** `id` is the highest that had been read by then. */
  mark(id: number, nowMs: number): void {
    this.#marks.push({ atMs: nowMs, id });
  }

  /** Every transition up to it was to be seen. */
  trusted(nowMs: number): number {
    for (let mark = this.#marks[0]; mark !== undefined && mark.atMs <= nowMs - this.#overlapMs; mark = this.#marks[0]) {
      this.#trusted = mark.id;
      this.#marks.shift();
    }
    return this.#trusted;
  }
}
