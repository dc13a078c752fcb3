import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Rate, RateLimit, rateText, readRate } from "../../../../peer/messaging/tokens/rate.ts";
import { expectError } from "../../../support/expect-error.ts";

const PERIOD_MS = { s: 1000, m: 60_000, h: 3_600_000 };

describe("a rate", () => {
  test.each(["1/s", "10/m", "10000/h"])("such as %s is read and written alike", (text) => {
    expect(rateText(readRate(text))).toBe(text);
  });

  test.each(["", "0/m", "10", "10/d", "10001/m", "-1/m", "1.5/m", "10/m ", "010/m", "1e3/m"])(
    "such as %o is refused",
    async (text) => {
      await expectError(() => readRate(text), "USAGE");
    },
  );

  test("lets no more through in any stretch of its period, and lets all through that keep to it", () => {
    const rates = fc.record({ requests: fc.integer({ min: 1, max: 5 }), per: fc.constantFrom("s", "m") });
    const pauses = fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 60 });
    fc.assert(
      fc.property(rates as fc.Arbitrary<Rate>, pauses, (rate, steps) => {
        let now = 0;
        const limit = new RateLimit(rate, () => now);
        const through: number[] = [];
        for (const step of steps) {
          now += step;
          const recent = through.filter((time) => time > now - PERIOD_MS[rate.per]);
          const waitMs = limit.take();
          expect(waitMs === 0).toBe(recent.length < rate.requests);
          if (waitMs === 0) through.push(now);
          else expect(now + waitMs).toBe((recent[0] ?? 0) + PERIOD_MS[rate.per]);
        }
      }),
    );
  });
});
