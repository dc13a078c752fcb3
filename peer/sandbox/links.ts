import { ChatError } from "../../shared/errors.ts";

/** What is wrong between two places, both ways. */
export type Faults = {
  /** Connections end, and none is taken. */
  readonly cut: boolean;
  /** Nothing arrives, and nothing says so; what was on its way arrives later. */
  readonly dropped: boolean;
  /** Every byte arrives so much later. */
  readonly delayMs: number;
  /** No more than so many bytes a second, each way. */
  readonly bytesPerSecond: number;
};

const MAX_DELAY_MS = 24 * 3_600_000;
const MIN_BYTES_PER_SECOND = 1;
const NO_FAULTS: Faults = { cut: false, dropped: false, delayMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY };

/** The faults between any two places of a sandbox. */
export class Links {
  readonly #faults = new Map<string, Faults>();
  readonly #changed: () => void;

  /** @param changed  what is open must be looked at again */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Adds to what is wrong between these two; without faults it is mended. @throws ChatError USAGE for numbers that make none */
  set(a: string, b: string, faults?: Partial<Faults>): void {
    if (faults !== undefined) assertPossible(faults);
    const [key, all] = [keyOf(a, b), { ...this.between(a, b), ...faults }];
    if (faults === undefined || isSound(all)) this.#faults.delete(key);
    else this.#faults.set(key, all);
    this.#changed();
  }

  between(a: string, b: string): Faults {
    return this.#faults.get(keyOf(a, b)) ?? NO_FAULTS;
  }

  /** For a caller who is nobody of the sandbox, or not yet known: it could be anybody, so a cut holds for it. */
  worstOf(name: string): Faults {
    const own = this.list().filter(({ between }) => between.includes(name));
    return {
      ...NO_FAULTS,
      cut: own.some(({ faults }) => faults.cut),
      dropped: own.some(({ faults }) => faults.dropped),
    };
  }

  list(): readonly { readonly between: readonly [string, string]; readonly faults: Faults }[] {
    return [...this.#faults].map(([key, faults]) => {
      const [a = "", b = ""] = key.split(" ");
      return { between: [a, b], faults };
    });
  }
}

function assertPossible({ delayMs = 0, bytesPerSecond = MIN_BYTES_PER_SECOND }: Partial<Faults>): void {
  if (!(delayMs >= 0 && delayMs <= MAX_DELAY_MS)) {
    throw new ChatError("USAGE", `a delay has from 0 to ${MAX_DELAY_MS} milliseconds, not ${delayMs}`);
  }
  if (!(bytesPerSecond >= MIN_BYTES_PER_SECOND)) {
    throw new ChatError(
      "USAGE",
      `a throttle lets at least ${MIN_BYTES_PER_SECOND} byte a second pass, not ${bytesPerSecond}`,
    );
  }
}

function isSound({ cut, dropped, delayMs, bytesPerSecond }: Faults): boolean {
  return !cut && !dropped && delayMs === 0 && bytesPerSecond === NO_FAULTS.bytesPerSecond;
}

function keyOf(a: string, b: string): string {
  return [a, b].toSorted().join(" ");
}
