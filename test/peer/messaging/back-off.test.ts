import { expect, test } from "vitest";
import { backOff } from "../../../peer/messaging/back-off.ts";
import type { Runtime } from "../../../peer/messaging/runtime.ts";

const HOUR_MS = 60 * 60_000;

function withDice(roll: number) {
  const time = { ms: 0 };
  const runtime: Runtime = {
    now: () => 0,
    monotonic: () => time.ms,
    after: () => () => undefined,
    randomBytes: (length) => new Uint8Array(length),
    random: () => roll,
  };
  return { time, waits: backOff(runtime) };
}

test("doubles from a second to five minutes", () => {
  const { waits } = withDice(1);
  const ceilings = Array.from({ length: 11 }, () => waits.next() / 1000);
  expect(ceilings).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
});

test("waits any time below its ceiling", () => {
  expect(withDice(0).waits.next()).toBe(0);
  expect(withDice(0.5).waits.next()).toBe(500);
});

test("goes up to an hour once a day has passed", () => {
  const { time, waits } = withDice(1);
  for (let count = 0; count < 30; count += 1) waits.next();
  expect(waits.next()).toBe(5 * 60_000);
  time.ms = 24 * HOUR_MS + 1;
  expect(waits.next()).toBe(HOUR_MS);
});

test("begins anew when something speaks for it", () => {
  const { time, waits } = withDice(1);
  for (let count = 0; count < 30; count += 1) waits.next();
  time.ms = 25 * HOUR_MS;
  waits.reset();
  expect(waits.next()).toBe(1000);
  expect(waits.next()).toBe(2000);
});
