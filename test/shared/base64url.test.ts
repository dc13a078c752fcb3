import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBase64url, encodeBase64url, isBase64urlOf } from "../../shared/base64url.ts";
import { expectError } from "../support/expect-error.ts";

describe("base64url", () => {
  test.each([
    ["", ""],
    ["f", "Zg"],
    ["fo", "Zm8"],
    ["foo", "Zm9v"],
    ["foob", "Zm9vYg"],
    ["fooba", "Zm9vYmE"],
    ["foobar", "Zm9vYmFy"],
  ])("encodes %j as RFC 4648 section 10 does, without padding", (text, encoded) => {
    expect(encodeBase64url(Buffer.from(text))).toBe(encoded);
    expect(Buffer.from(decodeBase64url(encoded)).toString()).toBe(text);
  });

  test("uses the URL-safe alphabet", () => {
    expect(encodeBase64url(Uint8Array.of(0xfb, 0xff, 0xbf))).toBe("-_-_");
  });

  test("encodes exactly the view it is given, not the buffer behind it", () => {
    expect(encodeBase64url(Uint8Array.of(1, 2, 3, 4).subarray(1, 3))).toBe("AgM");
  });

  test("decodes what it encoded", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(decodeBase64url(encodeBase64url(bytes))).toEqual(bytes);
      }),
    );
  });

  test("accepts a text only if it is what encoding gives", () => {
    const characters = fc.constantFrom(..."AQgwz019-_+/= \n");
    fc.assert(
      fc.property(fc.string({ unit: characters, maxLength: 12 }), (text) => {
        const canonical = encodeBase64url(Buffer.from(text, "base64url")) === text;
        const accepted = isBase64urlOf(text, Buffer.from(text, "base64url").length);
        expect(accepted).toBe(canonical);
      }),
    );
  });

  test.each([
    ["padding", "Zg=="],
    ["the alphabet of base64", "+/+/"],
    ["unused bits that are not zero", "Zh"],
    ["a length that no bytes have", "Z"],
    ["white space", "Zm 9v"],
    ["a line break at the end", "Zm9v\n"],
    ["characters outside of any alphabet", "Zm9v!"],
    ["letters that are not ASCII", "Zm9ｖ"],
  ])("refuses %s", async (_, text) => {
    await expectError(() => decodeBase64url(text), "REQUEST_INVALID");
    await expectError(() => decodeBase64url(text, "RECORD_INVALID"), "RECORD_INVALID");
    expect(isBase64urlOf(text, Buffer.from(text, "base64url").length)).toBe(false);
  });

  test("knows the length", () => {
    expect(isBase64urlOf("Zm9v", 3)).toBe(true);
    expect(isBase64urlOf("Zm9v", 4)).toBe(false);
  });
});
