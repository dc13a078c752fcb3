import { hkdfSync } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { expand, extract, HKDF_SHA512 } from "../../../peer/sessions/hkdf.ts";

test("gives what Node's own HKDF gives, up to one block", () => {
  const input = fc.record({
    key: fc.uint8Array({ minLength: 1 }),
    salt: fc.uint8Array(),
    info: fc.uint8Array(),
    length: fc.integer({ min: 1, max: HKDF_SHA512.size }),
  });
  fc.assert(
    fc.property(input, ({ key, salt, info, length }) => {
      const output = expand(HKDF_SHA512, extract(HKDF_SHA512, salt, key), info, length);
      expect(output).toEqual(new Uint8Array(hkdfSync("sha512", key, salt, info, length)));
    }),
  );
});

test("refuses more than one block", () => {
  const none = new Uint8Array();
  expect(() => expand(HKDF_SHA512, none, none, HKDF_SHA512.size + 1)).toThrow(RangeError);
});
