import { expect, test } from "vitest";
import { createClock } from "../../../peer/naming/clock.ts";
import { NOW_MS, NOW_SECONDS } from "../../support/people.ts";

test("a clock is this computer's until the server says otherwise", () => {
  let local = NOW_MS - 86_400_000;
  const clock = createClock(() => local);
  expect(clock.now()).toBe(local);
  clock.adopt(NOW_SECONDS);
  expect(clock).toMatchObject({ offsetMs: 86_400_000 });
  local += 5000;
  expect(clock.now()).toBe(NOW_MS + 5000);
});

test("a clock that has been set right meanwhile is corrected anew", () => {
  let local = NOW_MS - 86_400_000;
  const clock = createClock(() => local);
  clock.adopt(NOW_SECONDS);
  local = NOW_MS;
  clock.adopt(NOW_SECONDS);
  expect(clock.offsetMs).toBe(0);
});
