import { describe, expect, test } from "vitest";
import { isMatch, isNotModified } from "../../naming-server/conditions.ts";

describe("If-None-Match", () => {
  test.each([
    [undefined, false],
    ['"hash.addr"', true],
    ['W/"hash.addr"', true],
    ['"other", "hash.addr"', true],
    ["*", true],
    ['"hash"', false],
    ["hash.addr", false],
    ["", false],
  ])("of %j tells whether the reader has the answer", (header, expected) => {
    expect(isNotModified(header, '"hash.addr"')).toBe(expected);
  });
});

describe("If-Match", () => {
  test.each([
    [undefined, "hash", true],
    [undefined, undefined, true],
    ['"hash"', "hash", true],
    ['"hash.addr"', "hash", true],
    ['"other", "hash.addr"', "hash", true],
    ["*", "hash", true],
    ["*", undefined, false],
    ['"hash"', undefined, false],
    ['"other"', "hash", false],
    ['W/"hash"', "hash", false],
    ["hash", "hash", false],
    ["", "hash", false],
  ])("of %j on the record %j is %j", (header, hash, expected) => {
    expect(isMatch(header, hash)).toBe(expected);
  });
});
