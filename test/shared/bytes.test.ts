import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareBytes, concat, equalBytes, hex, utf8, utf8Text } from "../../shared/bytes.ts";

describe("bytes", () => {
  test("reads back the text it wrote as UTF-8", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(utf8Text(utf8(text))).toBe(text);
      }),
    );
  });

  test("keeps a byte order mark, so that two texts never share their bytes", () => {
    expect(utf8Text(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe("\ufeffa");
  });

  test.each([
    ["a lone continuation byte", [0x80]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["a truncated sequence", [0xe2, 0x82]],
  ])("refuses %s", (_, bytes) => {
    expect(() => utf8Text(Uint8Array.from(bytes))).toThrow(TypeError);
  });

  test("joins parts in order", () => {
    expect(concat(Uint8Array.of(1), new Uint8Array(), Uint8Array.of(2, 3))).toEqual(Uint8Array.of(1, 2, 3));
    expect(concat()).toEqual(new Uint8Array());
  });

  test("compares by content and length", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4 }), fc.uint8Array({ maxLength: 4 }), (a, b) => {
        expect(equalBytes(a, b)).toBe(hex(a) === hex(b));
        expect(Math.sign(compareBytes(a, b))).toBe(-Math.sign(compareBytes(b, a)) + 0);
        expect(compareBytes(a, b) === 0).toBe(equalBytes(a, b));
      }),
    );
  });

  test("puts a prefix first and orders by unsigned bytes", () => {
    expect(compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0))).toBeLessThan(0);
    expect(compareBytes(Uint8Array.of(0x7f), Uint8Array.of(0x80))).toBeLessThan(0);
  });

  test("writes lower-case hex of the view alone", () => {
    expect(hex(Uint8Array.of(0, 0xab, 0xcd, 0).subarray(1, 3))).toBe("abcd");
  });
});
