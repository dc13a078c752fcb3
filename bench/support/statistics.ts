export type Summary = { readonly median: number; readonly min: number; readonly max: number };

/** For at least one value. */
export function summarise(values: readonly number[]): Summary {
  return { median: percentile(values, 0.5), min: Math.min(...values), max: Math.max(...values) };
}

/** The value below which that fraction lies; between two values it is interpolated. */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = fraction * (sorted.length - 1);
  const [below = Number.NaN, above = below] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return below + (above - below) * (at - Math.floor(at));
}

/** Each value against the reference of the same round. */
export function ratios(values: readonly number[], references: readonly number[]): Summary {
  return summarise(values.map((value, round) => value / (references[round] ?? Number.NaN)));
}

/** Milliseconds that each of so many runs in a row takes. */
export async function timesOf(count: number, run: () => unknown): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const startedMs = performance.now();
    await run();
    times.push(performance.now() - startedMs);
  }
  return times;
}
