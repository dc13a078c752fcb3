const HOUR_MS = 3_600_000;
/** Keys cost nothing to make: of those that transferred anything, those that did last. */
const REMEMBERED = 20_000;

/** What each party has transferred in the hour that began last. */
export class HourlyBytes {
  readonly #maxPerParty: number;
  readonly #monotonic: () => number;
  readonly #bytes = new Map<string, number>();
  #hourMs = 0;

  constructor(maxPerParty: number, monotonic: () => number) {
    this.#maxPerParty = maxPerParty;
    this.#monotonic = monotonic;
  }

  hasLeft(party: string): boolean {
    this.#beginHour();
    return (this.#bytes.get(party) ?? 0) < this.#maxPerParty;
  }

  count(party: string, bytes: number): void {
    this.#beginHour();
    const sum = (this.#bytes.get(party) ?? 0) + bytes;
    this.#bytes.delete(party);
    this.#bytes.set(party, sum);
    if (this.#bytes.size <= REMEMBERED) return;
    for (const oldest of this.#bytes.keys()) {
      this.#bytes.delete(oldest);
      return;
    }
  }

  #beginHour(): void {
    const nowMs = this.#monotonic();
    if (nowMs - this.#hourMs >= HOUR_MS) {
      this.#hourMs = nowMs;
      this.#bytes.clear();
    }
  }
}
