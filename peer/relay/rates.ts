const MS_PER_SECOND = 1000;
/** Those who asked last; one that is forgotten begins anew. */
const REMEMBERED = 20_000;

type Rate = { readonly burst: number; readonly perSecond: number };

/** Token buckets of one rate, one for each network: a bucket is the moment at which it is full again. */
export class Rates {
  readonly #tokenMs: number;
  readonly #fullMs: number;
  readonly #fullAtMs = new Map<string, number>();

  constructor({ burst, perSecond }: Rate) {
    this.#tokenMs = MS_PER_SECOND / perSecond;
    this.#fullMs = burst * this.#tokenMs;
  }

  /** True where there was a token to take. */
  take(network: string, nowMs: number): boolean {
    const fullAtMs = Math.max(this.#fullAtMs.get(network) ?? 0, nowMs) + this.#tokenMs;
    if (fullAtMs - nowMs > this.#fullMs + this.#tokenMs / 1000) return false;
    this.#fullAtMs.delete(network);
    this.#fullAtMs.set(network, fullAtMs);
    if (this.#fullAtMs.size > REMEMBERED) this.#forgetOldest();
    return true;
  }

  #forgetOldest(): void {
    for (const network of this.#fullAtMs.keys()) {
      this.#fullAtMs.delete(network);
      return;
    }
  }
}
