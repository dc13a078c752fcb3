import { siteOf } from "./site.ts";

const MS_PER_SECOND = 1000;
/** Those who asked last; one that is forgotten begins anew. */
const REMEMBERED = 20_000;

type Rate = { readonly burst: number; readonly perSecond: number };

/** One rate for each network, and so many times that for each site. Times only rise. */
export class Rates {
  readonly #networks: TokenBuckets;
  readonly #sites: TokenBuckets;

  constructor({ burst, perSecond, networksPerSite }: Rate & { readonly networksPerSite: number }) {
    this.#networks = new TokenBuckets({ burst, perSecond });
    this.#sites = new TokenBuckets({ burst: burst * networksPerSite, perSecond: perSecond * networksPerSite });
  }

  /** True where there were so many tokens to take. */
  take(network: string, nowMs: number, tokens = 1): boolean {
    const site = siteOf(network);
    if (site !== undefined && !this.#sites.have(site, nowMs, tokens)) return false;
    if (!this.#networks.have(network, nowMs, tokens)) return false;
    this.#networks.take(network, nowMs, tokens);
    if (site !== undefined) this.#sites.take(site, nowMs, tokens);
    return true;
  }
}

/** Token buckets of one rate: a bucket is the moment at which it is full again. */
class TokenBuckets {
  readonly #tokenMs: number;
  readonly #fullMs: number;
  readonly #fullAtMs = new Map<string, number>();

  constructor({ burst, perSecond }: Rate) {
    this.#tokenMs = MS_PER_SECOND / perSecond;
    this.#fullMs = burst * this.#tokenMs;
  }

  have(party: string, nowMs: number, tokens: number): boolean {
    return this.#after(party, nowMs, tokens) - nowMs <= this.#fullMs + this.#tokenMs / 1000;
  }

  take(party: string, nowMs: number, tokens: number): void {
    const fullAtMs = this.#after(party, nowMs, tokens);
    this.#fullAtMs.delete(party);
    this.#fullAtMs.set(party, fullAtMs);
    if (this.#fullAtMs.size > REMEMBERED) this.#forgetOldest();
  }

  #after(party: string, nowMs: number, tokens: number): number {
    return Math.max(this.#fullAtMs.get(party) ?? 0, nowMs) + tokens * this.#tokenMs;
  }

  #forgetOldest(): void {
    for (const party of this.#fullAtMs.keys()) {
      this.#fullAtMs.delete(party);
      return;
    }
  }
}
