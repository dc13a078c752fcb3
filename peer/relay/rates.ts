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

  /** True where there was a token to take. */
  take(network: string, nowMs: number): boolean {
    const site = siteOf(network);
    if (site !== undefined && !this.#sites.has(site, nowMs)) return false;
    if (!this.#networks.has(network, nowMs)) return false;
    this.#networks.take(network, nowMs);
    if (site !== undefined) this.#sites.take(site, nowMs);
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

  has(party: string, nowMs: number): boolean {
    return this.#afterOne(party, nowMs) - nowMs <= this.#fullMs + this.#tokenMs / 1000;
  }

  take(party: string, nowMs: number): void {
    const fullAtMs = this.#afterOne(party, nowMs);
    this.#fullAtMs.delete(party);
    this.#fullAtMs.set(party, fullAtMs);
    if (this.#fullAtMs.size > REMEMBERED) this.#forgetOldest();
  }

  #afterOne(party: string, nowMs: number): number {
    return Math.max(this.#fullAtMs.get(party) ?? 0, nowMs) + this.#tokenMs;
  }

  #forgetOldest(): void {
    for (const party of this.#fullAtMs.keys()) {
      this.#fullAtMs.delete(party);
      return;
    }
  }
}
