import fc from "fast-check";
import { expect, test } from "vitest";
import { tokenBucket } from "../../../peer/contacts/token-bucket.ts";

test("gives all at once, then one for each part of a minute that passes, and never more than it holds", () => {
  let nowMs = 5000;
  const bucket = tokenBucket(30, () => nowMs);
  const takeAll = () => {
    let taken = 0;
    while (bucket.take()) taken += 1;
    return taken;
  };
  expect(takeAll()).toBe(30);
  nowMs += 1999;
  expect(takeAll()).toBe(0);
  nowMs += 1;
  expect(takeAll()).toBe(1);
  nowMs += 60_000 * 60;
  expect(takeAll()).toBe(30);
});

test("gives no more in any span of time than a full bucket and what flows in meanwhile", () => {
  const steps = fc.array(fc.nat(10_000), { maxLength: 200 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), steps, (perMinute, waits) => {
      let nowMs = 0;
      const bucket = tokenBucket(perMinute, () => nowMs);
      const takenAtMs: number[] = [];
      for (const waitMs of waits) {
        nowMs += waitMs;
        for (let tries = 0; tries < 3; tries += 1) if (bucket.take()) takenAtMs.push(nowMs);
      }
      takenAtMs.forEach((fromMs, first) => {
        takenAtMs.slice(first).forEach((toMs, index) => {
          expect(index + 1).toBeLessThanOrEqual(perMinute + ((toMs - fromMs) * perMinute) / 60_000 + 1e-6);
        });
      });
    }),
  );
});
