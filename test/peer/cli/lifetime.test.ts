import fc from "fast-check";
import { expect, test } from "vitest";
import { readLifetime, sayLifetime } from "../../../peer/cli/lifetime.ts";

test.each([
  [1, "1s"],
  [90, "90s"],
  [1800, "30m"],
  [3600, "1h"],
  [86_400, "1d"],
  [36 * 3600, "36h"],
  [4 * 604_800, "4w"],
  [31_622_400, "366d"],
])("says %i seconds as %s", (seconds, said) => {
  expect(sayLifetime(seconds)).toBe(said);
});

test("says a time as it would be typed, whatever it is", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 99_999 }), fc.constantFrom(1, 60, 3600, 86_400, 604_800), (amount, unit) => {
      const seconds = amount * unit;
      fc.pre(seconds <= 366 * 86_400 && (seconds < 100_000 || seconds % 3600 === 0));
      expect(readLifetime(sayLifetime(seconds))).toBe(seconds);
    }),
  );
});
