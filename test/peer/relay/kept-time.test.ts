import fc from "fast-check";
import { expect, test } from "vitest";
import { KeptTime, type SavedTime } from "../../../peer/relay/kept-time.ts";

const DAY_SECONDS = 24 * 3600;

/** One run of a relay: what its clock says at the start, and how long it runs. */
type Run = { readonly wallSeconds: number; readonly ranSeconds: number };

const run: fc.Arbitrary<Run> = fc.record({
  wallSeconds: fc.integer({ min: 0, max: 2 ** 33 }),
  ranSeconds: fc.integer({ min: 0, max: 100 * DAY_SECONDS }),
});

/** The count at both ends of each run, which saves now and then, and then is killed. */
function countOver(runs: readonly Run[]): { from: number; to: number }[] {
  let saved: SavedTime | undefined;
  return runs.map(({ wallSeconds, ranSeconds }) => {
    let passed = 0;
    const time = new KeptTime(saved, {
      now: () => (wallSeconds + passed) * 1000,
      monotonic: () => 5000 + passed * 1000,
    });
    const from = time.seconds();
    const save = () =>
      time.save((now) => {
        saved = now;
      });
    for (save(); passed + 1800 < ranSeconds; save()) passed += 1800;
    passed = ranSeconds;
    return { from, to: time.seconds() };
  });
}

test("goes on with the time that goes by, and with a day at most for each time between two runs, whatever clocks say", () => {
  fc.assert(
    fc.property(fc.array(run, { minLength: 1, maxLength: 10 }), (runs) => {
      const counted = countOver(runs);
      counted.forEach(({ from, to }, n) => {
        expect(to - from).toBe(runs[n]?.ranSeconds);
        const before = counted[n - 1];
        if (before === undefined) return;
        expect(from - before.to).toBeLessThanOrEqual(DAY_SECONDS);
        // what was counted since the last time that it was saved, such as the time before a run that was short
        expect(from - before.to).toBeGreaterThanOrEqual(-DAY_SECONDS - 3600 - 1800);
      });
    }),
  );
});

test("counts the time between two runs by a clock that is right, and does not lose what was not saved", () => {
  const [, second] = countOver([
    { wallSeconds: 1_800_000_000, ranSeconds: 5000 },
    { wallSeconds: 1_800_000_000 + 5000 + 7200, ranSeconds: 0 },
  ]);
  expect(second?.from).toBe(1_800_000_000 + 5000 + 7200);
});

test("saves at the first occasion, then once an hour", () => {
  let passedMs = 0;
  const time = new KeptTime(undefined, { now: () => 9_000_000 + passedMs, monotonic: () => passedMs });
  const saved: SavedTime[] = [];
  for (; passedMs < 3 * 3_600_000; passedMs += 60_000) time.save((now) => saved.push(now));
  expect(saved).toEqual([9000, 12_600, 16_200].map((seconds) => ({ kept_at: seconds, wall_at: seconds })));
});
