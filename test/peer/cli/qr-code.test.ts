import fc from "fast-check";
import { expect, test } from "vitest";
import { qrCode } from "../../../peer/cli/qr-code.ts";
import { readQrCode } from "../../support/qr-reader.ts";

test("any sixty digits are read as they were drawn", () => {
  const digits = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 60, maxLength: 60 }).map((all) => all.join(""));
  fc.assert(
    fc.property(digits, (text) => {
      expect(readQrCode(qrCode(text, { paint: false }).split("\n"))).toBe(text);
    }),
    { numRuns: 30 },
  );
});

test("it has four light modules on every side, and fits an 80 by 24 terminal", () => {
  const lines = qrCode("7".repeat(60), { paint: false }).split("\n");
  expect(lines.length).toBeLessThanOrEqual(20);
  expect(new Set(lines.map(({ length }) => length))).toEqual(new Set([33]));
  for (const line of lines.slice(0, -1)) expect(line).toMatch(/^█{4}.*█{4}$/);
  expect(lines.slice(0, 2)).toEqual(["█".repeat(33), "█".repeat(33)]);
  expect(lines.slice(-2)).toEqual(["█".repeat(33), "▀".repeat(33)]);
});

test("black and white are set where colours may be, and put back on each line", () => {
  const painted = qrCode("7".repeat(60), { paint: true }).split("\n");
  const plain = qrCode("7".repeat(60), { paint: false }).split("\n");
  expect(painted).toEqual(plain.map((line) => `\x1b[97;40m${line}\x1b[0m`));
});
