import { expect, test } from "vitest";
import { EXIT_CODES, type ExitCode, worstOf } from "../../../peer/cli/exit-codes.ts";
import { ERROR_CODES } from "../../../shared/errors.ts";

test("every error ends with an exit code that says what kind of failure it was", () => {
  expect(Object.keys(EXIT_CODES).sort()).toEqual([...ERROR_CODES].sort());
  expect(new Set(Object.values(EXIT_CODES))).toEqual(new Set([1, 2, 3, 4, 5, 6, 8, 9, 130]));
});

test.each([
  ["USAGE", 1],
  ["SELF_SEND", 1],
  ["MESSAGE_TOO_LARGE", 1],
  ["PROFILE_BUSY", 1],
  ["INTERNAL", 2],
  ["SERVER_UNREACHABLE", 3],
  ["STORAGE", 3],
  ["KEY_CHANGED", 4],
  ["SAFETY_NUMBER_MISMATCH", 4],
  ["RATE_LIMITED", 5],
  ["PASSPHRASE_WRONG", 6],
  ["CLOCK_SKEW", 6],
  ["NAME_UNKNOWN", 8],
  ["PRIVACY_UNMET", 9],
  ["INTERRUPTED", 130],
] as const)("%s is %i", (code, exitCode) => {
  expect(EXIT_CODES[code]).toBe(exitCode);
});

test.each([
  [[], 0],
  [[0, 0], 0],
  [[0, 7, 0], 7],
  [[7, 1], 1],
  [[1, 8, 3], 3],
  [[3, 4, 2], 2],
  [[4, 3, 6], 4],
] as [ExitCode[], ExitCode][])("of several things that came to %j, the worst is %i", (codes, worst) => {
  expect(worstOf(codes)).toBe(worst);
});
