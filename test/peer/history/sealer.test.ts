import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSealer } from "../../../peer/history/sealer.ts";
import { hex, utf8, utf8Text } from "../../../shared/bytes.ts";
import { expectError } from "../../support/expect-error.ts";

const KEY = new Uint8Array(32).fill(1);
const PROFILE = "00112233445566778899aabbccddeeff";
const sealer = createSealer(KEY, PROFILE);

describe("a sealed value", () => {
  test("opens in its own place, whatever it is", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.uint8Array({ maxLength: 300 }), (table, row, plaintext) => {
        const sealed = sealer.seal(table, row, plaintext);
        expect(sealed.length).toBe(plaintext.length + 29);
        expect(hex(sealer.open(table, row, sealed))).toBe(hex(plaintext));
      }),
    );
  });

  test("opens after a restart, with a sealer made anew of the same key", () => {
    const sealed = sealer.seal("inbox", "1", utf8("hello"));
    expect(utf8Text(createSealer(KEY.slice(), PROFILE).open("inbox", "1", sealed))).toBe("hello");
  });

  test("does not open in another row, table or profile, or with another key", async () => {
    const sealed = sealer.seal("inbox", "1", utf8("hello"));
    await expectError(() => sealer.open("inbox", "2", sealed), "STORE_CORRUPT");
    await expectError(() => sealer.open("outbox", "1", sealed), "STORE_CORRUPT");
    await expectError(() => sealer.open("inbo", "x1", sealed), "STORE_CORRUPT");
    const elsewhere = [createSealer(KEY, PROFILE.replace("0", "1")), createSealer(KEY.with(0, 2), PROFILE)];
    for (const other of elsewhere) await expectError(() => other.open("inbox", "1", sealed), "STORE_CORRUPT");
    expect(utf8Text(sealer.open("inbox", "1", sealed))).toBe("hello");
  });

  test("does not open with any bit flipped, cut short or made longer", async () => {
    const sealed = sealer.seal("inbox", "1", utf8("hello"));
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const at = bit >> 3;
      const altered = Uint8Array.from(sealed).with(at, (sealed[at] ?? 0) ^ (1 << (bit & 7)));
      await expectError(() => sealer.open("inbox", "1", altered), "STORE_CORRUPT");
    }
    for (let length = 0; length < sealed.length; length++) {
      await expectError(() => sealer.open("inbox", "1", sealed.subarray(0, length)), "STORE_CORRUPT");
    }
    await expectError(() => sealer.open("inbox", "1", Buffer.concat([sealed, Buffer.of(0)])), "STORE_CORRUPT");
  });

  test("is different every time and never shows its plaintext", () => {
    const values = Array.from({ length: 100 }, () => sealer.seal("inbox", "1", utf8("canary-canary-canary")));
    expect(new Set(values.map(hex)).size).toBe(100);
    for (const value of values) expect(Buffer.from(value).includes("canary")).toBe(false);
  });
});

describe("a look-up tag", () => {
  test("is the same 16 bytes for the same text, and for no other", () => {
    const tag = sealer.tag("contact", "alice");
    expect(tag.length).toBe(16);
    expect(hex(createSealer(KEY.slice(), PROFILE).tag("contact", "alice"))).toBe(hex(tag));
    const others = [
      sealer.tag("contact", "alicf"),
      sealer.tag("message", "alice"),
      createSealer(KEY.with(0, 2), PROFILE).tag("contact", "alice"),
      createSealer(KEY, PROFILE.replace("0", "1")).tag("contact", "alice"),
    ];
    expect(new Set([tag, ...others].map(hex)).size).toBe(5);
  });
});

test("a data key of another size is refused", async () => {
  for (const length of [0, 16, 31, 33]) {
    await expectError(() => createSealer(new Uint8Array(length), PROFILE), "KEY_INVALID");
  }
});
