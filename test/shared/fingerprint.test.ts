import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hex } from "../../shared/bytes.ts";
import { fingerprintOf } from "../../shared/fingerprint.ts";
import { sha256 } from "../../shared/hash.ts";

describe("fingerprint", () => {
  test("is SHA-256 of the key in groups of four digits", () => {
    const key = Buffer.from("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "hex");
    expect(fingerprintOf(key)).toBe("21fe 31df a154 a261 626b f854 046f d227 1b7b ed4b 6abe 45aa 5887 7ef4 7f97 21b9");
  });

  test("has one form", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
        expect(fingerprintOf(key)).toMatch(/^[0-9a-f]{4}( [0-9a-f]{4}){15}$/);
        expect(fingerprintOf(key).replaceAll(" ", "")).toBe(hex(sha256(key)));
      }),
    );
  });
});
