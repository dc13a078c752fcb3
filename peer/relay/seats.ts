import { siteOf } from "./site.ts";

type Limits = {
  readonly all: number;
  readonly perParty: number;
  /** Left out: parties are no networks. */
  readonly perSite?: number;
};

/** So many places in all, so many for one party, and so many for all parties of one site. */
export class Seats {
  readonly #limits: Limits;
  readonly #parties = new Map<string, number>();
  #taken = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get taken(): number {
    return this.#taken;
  }

  isFree(party: string): boolean {
    const { all, perParty, perSite = all } = this.#limits;
    const site = siteOf(party);
    return this.#taken < all && this.#of(party) < perParty && (site === undefined || this.#of(site) < perSite);
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

  #of(party: string): number {
    return this.#parties.get(party) ?? 0;
  }

  #add(party: string, places: 1 | -1): void {
    this.#taken += places;
    const site = siteOf(party);
    for (const one of site === undefined ? [party] : [party, site]) {
      const count = this.#of(one) + places;
      if (count > 0) this.#parties.set(one, count);
      else this.#parties.delete(one);
    }
  }
}
