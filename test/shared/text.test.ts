import { expect, test } from "vitest";
import { utf8 } from "../../shared/bytes.ts";
import { LIMITS } from "../../shared/protocol.ts";
import { readText } from "../../shared/text.ts";
import { expectError } from "../support/expect-error.ts";

test("a text of exactly the limit is read, bytes and not characters counted", () => {
  const text = "é".repeat(LIMITS.textMaxBytes / 2);
  expect(readText(utf8(text))).toBe(text);
});

test("one byte more is refused", async () => {
  await expectError(() => readText(new Uint8Array(LIMITS.textMaxBytes + 1).fill(0x61)), "MESSAGE_TOO_LARGE");
});

test("an empty text is refused", async () => {
  await expectError(() => readText(new Uint8Array()), "MESSAGE_EMPTY");
});

test("bytes that are not UTF-8 are refused, not replaced", async () => {
  for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]]) {
    await expectError(() => readText(Uint8Array.from(bytes)), "MESSAGE_NOT_TEXT");
  }
});

test("a byte order mark is part of the text", () => {
  expect(readText(utf8("\uFEFFhi"))).toBe("\uFEFFhi");
});
