import { expect, test } from "vitest";
import { collectSoonerInCrowds } from "../../../peer/relay/garbage.ts";
import { FakeTime } from "../../support/fake-time.ts";

test("looks how many there are again and again, until it is stopped", () => {
  const time = new FakeTime();
  let looks = 0;
  const stop = collectSoonerInCrowds(() => {
    looks += 1;
    return looks < 2 ? 0 : 2000;
  }, time.runtime("relay"));
  for (let n = 0; n < 3; n += 1) time.pass(5000);
  expect(looks).toBe(4);
  stop();
  time.pass(60_000);
  expect([looks, time.timers]).toEqual([4, 0]);
});
