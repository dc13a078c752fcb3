import { expect, test } from "vitest";
import { unhurriedClock } from "../../../peer/messaging/runtime.ts";
import { FakeTime } from "../../support/fake-time.ts";

const HOUR_MS = 3_600_000;

test("the clock of what expires goes with time, not with a wall clock that leaps ahead", () => {
  const time = new FakeTime();
  const startedAtMs = time.nowMs;
  const expiryNow = unhurriedClock(time.runtime("one"));
  time.step(HOUR_MS);
  expect(expiryNow()).toBe(startedAtMs + HOUR_MS);
  time.setClock(startedAtMs + 9000 * HOUR_MS);
  expect(expiryNow()).toBe(startedAtMs + HOUR_MS);
  time.step(HOUR_MS);
  expect(expiryNow()).toBe(startedAtMs + 2 * HOUR_MS);
});

test("it goes back with a wall clock that does", () => {
  const time = new FakeTime();
  const startedAtMs = time.nowMs;
  const expiryNow = unhurriedClock(time.runtime("one"));
  time.setClock(startedAtMs - 3 * HOUR_MS);
  expect(expiryNow()).toBe(startedAtMs - 3 * HOUR_MS);
});
