import { ChatError } from "../../../shared/errors.ts";

const FORM = /^([1-9]\d{0,4})\/([smh])$/;
const PERIOD_MS = { s: 1000, m: 60_000, h: 3_600_000 } as const;
const MAX_REQUESTS = 10_000;

export type Rate = { readonly requests: number; readonly per: keyof typeof PERIOD_MS };

/** What a token is given where nothing is asked for: a bot's pace, not a flood's. */
export const DEFAULT_RATE: Rate = { requests: 600, per: "m" };

/**
 * `10/m`: ten a minute; also `s` and `h`.
 *
 * @throws ChatError USAGE
 */
export function readRate(text: string): Rate {
  const [, requests, per] = FORM.exec(text) ?? [];
  if ((per === "s" || per === "m" || per === "h") && Number(requests) <= MAX_REQUESTS) {
    return { requests: Number(requests), per };
  }
  throw new ChatError("USAGE", `a rate is such as 5/s, 10/m or 100/h, at most ${MAX_REQUESTS}`);
}

export function rateText({ requests, per }: Rate): string {
  return `${requests}/${per}`;
}

/** In no stretch of its period lets more through than the rate says. */
export class RateLimit {
  readonly #requests: number;
  readonly #periodMs: number;
  readonly #monotonic: () => number;
  #times: number[] = [];

  constructor({ requests, per }: Rate, monotonic: () => number) {
    this.#requests = requests;
    this.#periodMs = PERIOD_MS[per];
    this.#monotonic = monotonic;
  }

  /** Counts a request. @returns 0, or the milliseconds until one would be let through */
  take(): number {
    const now = this.#monotonic();
    const oldest = this.#times[0];
    if (this.#times.length === this.#requests && oldest !== undefined) {
      const waitMs = oldest + this.#periodMs - now;
      if (waitMs > 0) return Math.ceil(waitMs);
      this.#times = this.#times.filter((time) => time + this.#periodMs > now);
    }
    this.#times.push(now);
    return 0;
  }
}
