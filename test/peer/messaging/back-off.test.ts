import fc from "fast-check";
import { expect, test } from "vitest";
import { backOff, retryAfterMs } from "../../../peer/messaging/back-off.ts";
import type { Runtime } from "../../../peer/messaging/runtime.ts";
import { ChatError } from "../../../shared/errors.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

function withDice(roll: () => number) {
  const time = { ms: 0 };
  const runtime: Runtime = {
    now: () => 0,
    monotonic: () => time.ms,
    after: () => () => undefined,
    randomBytes: (length) => new Uint8Array(length),
    random: roll,
  };
  return { time, waits: backOff(runtime) };
}

test("doubles from a second to fifteen", () => {
  const { waits } = withDice(() => 1);
  const ceilings = Array.from({ length: 6 }, () => waits.next() / 1000);
  expect(ceilings).toEqual([1, 2, 4, 8, 15, 15]);
});

test("waits a third of the time since the first failure, five minutes at the most", () => {
  const { time, waits } = withDice(() => 1);
  for (let count = 0; count < 20; count += 1) waits.next();
  const ceilings = [30, 60, 600, 900, 1200].map((second) => {
    time.ms = second * 1000;
    return waits.next() / 1000;
  });
  expect(ceilings).toEqual([15, 20, 200, 300, 300]);
});

test("waits any time below its ceiling", () => {
  expect(withDice(() => 0).waits.next()).toBe(0);
  expect(withDice(() => 0.5).waits.next()).toBe(500);
});

test("goes up to an hour once a day has passed", () => {
  const { time, waits } = withDice(() => 1);
  for (let count = 0; count < 20; count += 1) waits.next();
  time.ms = 24 * HOUR_MS;
  expect(waits.next()).toBe(5 * MINUTE_MS);
  time.ms += 1;
  expect(waits.next()).toBe(HOUR_MS);
});

test("begins anew when something speaks for it, and counts from the next failure", () => {
  const { time, waits } = withDice(() => 1);
  for (let count = 0; count < 20; count += 1) waits.next();
  time.ms = 25 * HOUR_MS;
  waits.reset();
  time.ms = 26 * HOUR_MS;
  for (const seconds of [1, 2, 4, 8, 15, 15]) expect(waits.next()).toBe(seconds * 1000);
});

test("whatever the dice say, whoever was away for a minute is tried again within 25 s", () => {
  const attemptMs = fc.integer({ min: 0, max: 4000 });
  const rolls = fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }));
  fc.assert(
    fc.property(attemptMs, rolls, (attempt, dice) => {
      const { time, waits } = withDice(() => dice.next().value);
      // An attempt that began before they were back still fails.
      for (let begunMs = 0; begunMs < MINUTE_MS; begunMs = time.ms) {
        time.ms += Math.max(1, attempt);
        time.ms += waits.next();
      }
      expect(time.ms - MINUTE_MS).toBeLessThan(25_000);
    }),
  );
});

test.each([
  ["a server that says when", new ChatError("RATE_LIMITED", "no", { details: { retryAfterSeconds: 90 } }), 90_000],
  ["one that asks for a year", new ChatError("RATE_LIMITED", "no", { details: { retryAfterSeconds: 31e6 } }), HOUR_MS],
  ["one that does not", new ChatError("RATE_LIMITED", "no"), 0],
  ["anything else", new Error("no"), 0],
])("leaves %s alone for that long", (_what, error, ms) => {
  expect(retryAfterMs(error)).toBe(ms);
});
