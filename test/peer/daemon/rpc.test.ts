import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeError, encodeError, encodeLine, LineReader } from "../../../peer/daemon/rpc.ts";
import { ChatError } from "../../../shared/errors.ts";
import { expectError } from "../../support/expect-error.ts";

function readAll(reader: LineReader, ...chunks: string[]): unknown[] {
  return chunks.flatMap((chunk) => [...reader.read(Buffer.from(chunk))]);
}

describe("lines", () => {
  test("come out whole, however the bytes were cut", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.array(fc.nat(40)), (values, cuts) => {
        const bytes = Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
        const reader = new LineReader(1024 * 1024);
        const read: unknown[] = [];
        let start = 0;
        for (const cut of [...cuts, bytes.length]) {
          read.push(...reader.read(bytes.subarray(start, start + cut)));
          start += cut;
        }
        read.push(...reader.read(bytes.subarray(start)));
        expect(read).toEqual(values.map((value) => JSON.parse(JSON.stringify(value))));
      }),
    );
  });

  test("hold exactly the limit and not one byte more, ended or not", async () => {
    expect(readAll(new LineReader(4), "1234\n")).toEqual([1234]);
    await expectError(() => readAll(new LineReader(4), "12345\n"), "REQUEST_INVALID", "length");
    await expectError(() => readAll(new LineReader(4), "12", "345"), "REQUEST_INVALID", "length");
  });

  test.each(["x\n", "\n", "{}{}\n", '{"a":}\n'])("refuses %j, which is not JSON", async (line) => {
    await expectError(() => readAll(new LineReader(100), line), "REQUEST_INVALID", "json");
  });

  test("refuses bytes that are not UTF-8", async () => {
    const reader = new LineReader(100);
    await expectError(() => [...reader.read(Buffer.from([0x22, 0xff, 0x22, 0x0a]))], "REQUEST_INVALID", "json");
  });

  test("a newline inside a text does not end the message", () => {
    expect(encodeLine({ text: "a\nb" }).split("\n")).toHaveLength(2);
  });
});

describe("errors", () => {
  test("cross with code, message, reason and details", () => {
    const error = new ChatError("KEY_CHANGED", "changed", { reason: "pin", details: { oldFingerprint: "a" } });
    const crossed = decodeError(JSON.parse(JSON.stringify(encodeError(error))));
    expect(crossed).toMatchObject({
      code: "KEY_CHANGED",
      message: "changed",
      reason: "pin",
      details: { oldFingerprint: "a" },
    });
  });

  test.each([undefined, null, 1, {}, { data: { code: "NO_SUCH_CODE" } }, { data: [] }])(
    "that are not well formed (%j) are INTERNAL",
    (error) => {
      expect(decodeError(error).code).toBe("INTERNAL");
    },
  );
});
