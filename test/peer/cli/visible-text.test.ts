import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { visibleJson, visibleLine, visibleMessage, visibleReason } from "../../../peer/cli/visible-text.ts";

const ESC = "\x1b";
const BEL = "\x07";

/** Independent of the implementation: code points that a terminal acts on or does not show, from and to. */
const DANGEROUS: readonly (readonly [number, number])[] = [
  [0x00, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x17b4, 0x17b5],
  [0x180b, 0x180f],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0x3164, 0x3164],
  [0xd800, 0xdfff],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff0, 0xfffb],
  [0xfffe, 0xffff],
  [0xe0000, 0xe0fff],
];

function dangerousIn(text: string): string[] {
  return [...text].filter((character) => {
    const codePoint = character.codePointAt(0) ?? 0;
    return DANGEROUS.some(([from, to]) => codePoint >= from && codePoint <= to);
  });
}

describe("text on one line", () => {
  test.each([
    [`${ESC}]0;x${BEL}`, "<U+001B>]0;x<U+0007>"],
    [`${ESC}[2J`, "<U+001B>[2J"],
    ["\u009b31m", "<U+009B>31m"],
    [`${ESC}]52;c;aGk=${BEL}`, "<U+001B>]52;c;aGk=<U+0007>"],
    [`${ESC}]8;;http://x${BEL}text`, "<U+001B>]8;;http://x<U+0007>text"],
    [`${ESC}P+q544e${ESC}\\`, "<U+001B>P+q544e<U+001B>\\"],
    ["hi\rbob: pay", "hi<U+000D>bob: pay"],
    ["hi\nbob: pay", "hi<U+000A>bob: pay"],
    ["\u202egpj.exe", "<U+202E>gpj.exe"],
    ["\u2067x\u2069", "<U+2067>x<U+2069>"],
    ["a\u200bb", "a<U+200B>b"],
    ["\u{e0041}", "<U+E0041>"],
    ["\ud800x", "<U+D800>x"],
    ["x\udc00", "x<U+DC00>"],
  ])("shows what would act: %j", (raw, shown) => {
    expect(visibleLine(raw)).toBe(shown);
  });

  test.each([
    ["👨\u200d👩\u200d👧\u200d👦 🏳️\u200d🌈 👩🏽\u200d🚀", undefined],
    ["می\u200cخواهم", undefined],
    ["क्\u200dष", undefined],
    ["a\u200db", "a<U+200D>b"],
    ["👨\u200dx", "👨<U+200D>x"],
    ["👍\u200d👍", "👍<U+200D>👍"],
    ["\u200d👩\u200d🚀\u200d", "<U+200D>👩\u200d🚀<U+200D>"],
    ["بob\u200cع", "بob<U+200C>ع"],
    ["\u202e👩\u200d🚀", "<U+202E>👩\u200d🚀"],
  ])("leaves joiners where a script or an emoji needs them, and only there: %j", (raw, shown) => {
    expect(visibleLine(raw)).toBe(shown ?? raw);
  });

  test("leaves letters of every script and emoji with their style alone", () => {
    const text = "héllo мир שלום 日本 👍🏽 ❤️ a‑b";
    expect(visibleLine(text)).toBe(text);
  });
});

describe("a message", () => {
  test("keeps its lines, and none of them can be taken for another message", () => {
    expect(visibleMessage("hi\nbob: pay\r\n2026-11-20 18:30 bob: x")).toBe(
      "hi\n  | bob: pay\n  | 2026-11-20 18:30 bob: x",
    );
  });

  test("shows a lone carriage return", () => {
    expect(visibleMessage("hi\rbob: pay")).toBe("hi<U+000D>bob: pay");
  });

  test("shows tabs as spaces", () => {
    expect(visibleMessage("a\tb")).toBe("a    b");
  });

  test("never holds a dangerous code point, and every further line is indented", () => {
    fc.assert(
      fc.property(anyText(), (text) => {
        const [, ...further] = visibleMessage(text).split("\n");
        expect(dangerousIn(visibleMessage(text).replaceAll("\n", ""))).toEqual([]);
        expect(further.every((line) => line.startsWith("  | "))).toBe(true);
      }),
    );
  });
});

test("a remote's reason is one line of at most 500 characters", () => {
  expect(visibleReason(`a\n${"b".repeat(1000)}`)).toBe(`a<U+000A>${"b".repeat(498)}...`);
});

describe("JSON", () => {
  test("escapes what acts, so that the raw output is harmless", () => {
    expect(visibleJson({ text: "\u009b31m \u202e \u{e0041} \x7f" })).toBe(
      '{"text":"\\u009b31m \\u202e \\udb40\\udc41 \\u007f"}',
    );
  });

  test("reads back as the very same value, without a dangerous code point on the way", () => {
    fc.assert(
      fc.property(anyText(), (text) => {
        const json = visibleJson({ text });
        expect(JSON.parse(json)).toEqual({ text });
        expect(dangerousIn(json)).toEqual([]);
      }),
    );
  });
});

/** Any UTF-16 units, with those that matter more often than chance has it. */
function anyText(): fc.Arbitrary<string> {
  const unit = fc.oneof(
    fc.integer({ min: 0, max: 0xffff }),
    fc.integer({ min: 0, max: 0x9f }),
    fc.integer({ min: 0x2000, max: 0x206f }),
    fc.constantFrom(0xdb40, 0xdc41, 0xd83d, 0xdc4d, 0xfeff),
  );
  return fc.array(unit, { maxLength: 60 }).map((units) => String.fromCharCode(...units));
}
