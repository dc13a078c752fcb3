import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { utf8 } from "../../shared/bytes.ts";
import { parseStrictJson } from "../../shared/strict-json.ts";
import { expectError } from "../support/expect-error.ts";

const parse = (text: string) => parseStrictJson(utf8(text));

describe("strict JSON", () => {
  test("reads what JSON.stringify writes, spaced or not", () => {
    const values = fc.jsonValue({ maxDepth: 6, stringUnit: "grapheme", noUnicodeString: false });
    fc.assert(
      fc.property(values, fc.boolean(), (value, spaced) => {
        const text = JSON.stringify(value, null, spaced ? 2 : 0);
        fc.pre(!text.includes("__proto__"));
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  test.each([
    ["a duplicate member", `{"a":1,"a":1}`],
    ["a duplicate member, once escaped", String.raw`{"a":1,"\u0061":2}`],
    ["a duplicate member inside", `[{"b":{"a":1,"c":2,"a":3}}]`],
    ["__proto__", `{"__proto__":{"x":1}}`],
    ["__proto__, escaped", String.raw`{"\u005f_proto__":1}`],
    ["nine levels of arrays", "[".repeat(9) + "]".repeat(9)],
    ["eight thousand levels", "[".repeat(8000) + "]".repeat(8000)],
    ["a lone surrogate", String.raw`{"a":"\ud800"}`],
    ["a lone surrogate in a member's name", String.raw`{"\udc00":1}`],
    ["a byte order mark", "\ufeff{}"],
    ["a trailing comma", "[1,]"],
    ["a second value", "{} {}"],
    ["nothing", ""],
    ["NaN", "NaN"],
    ["a comment", "{}//"],
    ["a raw line break in a string", `"a\nb"`],
  ])("refuses %s", async (_, text) => {
    await expectError(() => parse(text), "REQUEST_INVALID");
  });

  test("refuses bytes that are not UTF-8", async () => {
    await expectError(() => parseStrictJson(Uint8Array.of(0x22, 0xff, 0x22)), "REQUEST_INVALID");
  });

  test("fails with the code it is told to", async () => {
    await expectError(() => parseStrictJson(utf8("{"), "RECORD_INVALID"), "RECORD_INVALID");
  });

  test("tells the same name apart in different objects, and names from values", () => {
    const text = String.raw`[{"a":"a"},{"a":{"a":["{\"a\":1,","}:"]}},"\ud83d\ude00",{"constructor":1}]`;
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  test("reads eight levels", () => {
    const text = "[".repeat(8) + "]".repeat(8);
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  test("refuses any object that holds one name twice", async () => {
    const name = fc.string({ unit: "grapheme", maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(name, fc.jsonValue({ maxDepth: 2 }), fc.jsonValue({ maxDepth: 2 }), async (key, one, other) => {
        const [member, a, b] = [key, one, other].map((value) => JSON.stringify(value));
        await expectError(() => parse(`{${member}:${a},"other\\n":0,${member}:${b}}`), "REQUEST_INVALID");
      }),
    );
  });
});
