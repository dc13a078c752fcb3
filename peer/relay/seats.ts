/** So many places in all, and so many for one party. */
export class Seats {
  readonly #max: number;
  readonly #maxPerParty: number;
  readonly #parties = new Map<string, number>();
  #taken = 0;

  constructor(max: number, maxPerParty: number) {
    this.#max = max;
    this.#maxPerParty = maxPerParty;
  }

  get taken(): number {
    return this.#taken;
  }

  isFree(party: string): boolean {
    return this.#taken < this.#max && (this.#parties.get(party) ?? 0) < this.#maxPerParty;
  }

  /** Whether or not it is free; the answer leaves the place, once. */
  take(party: string): () => void {
    this.#add(party, 1);
    let isLeft = false;
    return () => {
      if (isLeft) return;
      isLeft = true;
      this.#add(party, -1);
    };
  }

  #add(party: string, places: 1 | -1): void {
    this.#taken += places;
    const count = (this.#parties.get(party) ?? 0) + places;
    if (count > 0) this.#parties.set(party, count);
    else this.#parties.delete(party);
  }
}
