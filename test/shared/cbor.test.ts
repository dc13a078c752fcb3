import { encode } from "cborg";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { decodeCbor, decodeVersioned, encodeCbor } from "../../shared/cbor.ts";
import { isChatError } from "../../shared/errors.ts";
import { expectError } from "../support/expect-error.ts";

const anything = z.unknown();
const decodeAny = (bytes: Uint8Array) => decodeCbor(anything, bytes, "FRAME_INVALID");
const fromHex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));

/** JSON-like values with bytes, as records hold them. */
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger().map((number) => number + 0),
    fc.string({ unit: "grapheme" }),
    fc.uint8Array(),
    fc.array(tie("value")),
    fc.dictionary(
      fc.string().filter((key) => key !== "__proto__"),
      tie("value"),
      { noNullPrototype: true },
    ),
  ),
}));

describe("deterministic CBOR", () => {
  test("gives back any value", () => {
    fc.assert(fc.property(value, (written) => void expect(decodeAny(encodeCbor(written))).toEqual(written)));
  });

  test("gives back a text that begins with a byte order mark, wherever it stands", () => {
    const marked = fc.string({ unit: "grapheme" }).map((text) => `\uFEFF${text}`);
    const written = fc.record({ text: marked, list: fc.array(marked), map: fc.dictionary(marked, marked) });
    fc.assert(
      fc.property(
        written,
        (holder) => void expect(decodeAny(encodeCbor(holder))).toEqual({ ...holder, map: { ...holder.map } }),
      ),
    );
    const long = `\uFEFF\uFEFF${"x".repeat(15_000)}`;
    expect(decodeAny(encodeCbor(long))).toBe(long);
  });

  test("accepts one encoding of each value: what is read is written the same", () => {
    const mutated = fc
      .tuple(value, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }))
      .map(([written, changes]) => {
        const bytes = encodeCbor(written).slice();
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 64 })), (bytes) => {
        let read: unknown;
        try {
          read = decodeAny(bytes);
        } catch (error) {
          expect(isChatError(error, "FRAME_INVALID")).toBe(true);
          return;
        }
        expect(Buffer.from(encodeCbor(read)).equals(bytes)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test("writes maps in the order of their encoded keys, whatever order they were made in", () => {
    expect(Buffer.from(encodeCbor({ bb: 1, a: 2, c: 3 })).toString("hex")).toBe("a3616102616303626262" + "01");
  });

  const refused: [string, string][] = [
    ["nothing", ""],
    ["trailing bytes", "01 01"],
    ["a cut text", "65 61 62"],
    ["an integer that is longer than it must be", "18 01"],
    ["a length that is longer than it must be", "58 01 00"],
    ["an integer beyond 2^53", "1b 00 20 00 00 00 00 00 00"],
    ["the largest integer", "1b ff ff ff ff ff ff ff ff"],
    ["a negative integer beyond 2^53", "3b ff ff ff ff ff ff ff ff"],
    ["a whole number as a float", "f9 3c 00"],
    ["minus zero", "f9 80 00"],
    ["a float that is longer than it must be", "fb 3f e0 00 00 00 00 00 00"],
    ["not a number", "f9 7e 00"],
    ["infinity", "f9 7c 00"],
    ["undefined", "f7"],
    ["an indefinite text", "7f 61 61 ff"],
    ["an indefinite array", "9f 01 ff"],
    ["a tag", "c0 61 61"],
    ["a big number", "c2 41 01"],
    ["a simple value", "e0"],
    ["duplicate keys", "a2 61 61 01 61 61 02"],
    ["keys out of order", "a2 61 62 01 61 61 02"],
    ["a key that is no text", "a1 01 01"],
    ["ill-formed UTF-8", "61 ff"],
    ["an array of four thousand million", "9b 00 00 00 01 00 00 00 00"],
    ["bytes of four thousand million", "5b 00 00 00 01 00 00 00 00"],
  ];
  test.each(refused)("refuses %s", async (_, bytes) => {
    await expectError(() => decodeAny(fromHex(bytes)), "FRAME_INVALID", "cbor");
  });

  test.each(["81", "a1 61 61"])("refuses nesting that no stack holds (%s)", async (level) => {
    const levels = fromHex(level.repeat(200_000));
    await expectError(() => decodeAny(levels), "FRAME_INVALID", "cbor");
  });

  test("takes a key called __proto__ for a key like any other, which no schema has", async () => {
    const bytes = fromHex("a1 69 5f5f70726f746f5f5f a1 61 78 01");
    expect((decodeAny(bytes) as { x?: number }).x).toBeUndefined();
    expect(({} as { x?: number }).x).toBeUndefined();
    await expectError(() => decodeCbor(z.strictObject({}), bytes, "FRAME_INVALID"), "FRAME_INVALID", "schema");
  });

  test("says where a value does not fit its schema", async () => {
    const schema = z.strictObject({ a: z.strictObject({ b: z.int() }) });
    const error = await expectError(
      () => decodeCbor(schema, encode({ a: { b: "1" } }), "ENVELOPE_INVALID"),
      "ENVELOPE_INVALID",
      "schema",
    );
    expect(error.message).toContain("a.b");
  });
});

describe("versions", () => {
  const schema = z.strictObject({ v: z.literal(1), body: z.string() });
  const read = (value: unknown) => decodeVersioned(schema, encodeCbor(value), "FRAME_INVALID");

  test("reads its own", () => expect(read({ v: 1, body: "a" })).toEqual({ v: 1, body: "a" }));
  test("names another, whatever else it holds", async () => {
    await expectError(() => read({ v: 2, head: [] }), "VERSION_UNSUPPORTED");
  });
  test("calls its own version garbage where it is", async () => {
    await expectError(() => read({ v: 1, body: 1 }), "FRAME_INVALID", "schema");
  });
  test.each([{ v: "2" }, { body: "a" }, { v: 1.5 }, []])("calls %j garbage", async (value) => {
    await expectError(() => read(value), "FRAME_INVALID", "schema");
  });
});
