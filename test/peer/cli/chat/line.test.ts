import * as fc from "fast-check";
import { expect, test } from "vitest";
import { clusters, cut, widthOf } from "../../../../peer/cli/chat/cell-width.ts";
import { cutLine, fitLine, lineWidth, span, textOfLine, wrap } from "../../../../peer/cli/chat/line.ts";
import { visibleLine } from "../../../../peer/cli/visible-text.ts";
import { hardText } from "../../../support/chat.ts";

const columns = fc.integer({ min: 2, max: 90 });
const shown = hardText.map((text) => visibleLine(text));

test.each([
  ["a", 1],
  ["ä", 1],
  ["a\u0308", 1],
  ["漢", 2],
  ["한", 2],
  ["ｱ", 1],
  ["Ａ", 2],
  ["👍", 2],
  ["❤\uFE0F", 2],
  ["─", 1],
  ["👩\u200d🚀", 4],
  ["می\u200cخ", 3],
  ["\u{20000}", 2],
])("%j takes %i columns", (text, width) => {
  expect(widthOf(text)).toBe(width);
});

test("a mark stands on the character before it, and on a circle where there is none", () => {
  expect(clusters("e\u0301x").map(({ text }) => text)).toEqual(["e\u0301", "x"]);
  expect(clusters("\u0301x").map(({ text }) => text)).toEqual(["\u25cc\u0301", "x"]);
});

test("a tower of marks is taken apart, and none is hidden", () => {
  const tower = `a${"\u0301".repeat(100)}`;
  const parts = clusters(tower);
  expect(Math.max(...parts.map(({ text }) => text.length))).toBeLessThan(12);
  expect(parts.map(({ text }) => text.replace("\u25cc", "")).join("")).toBe(tower);
});

test("cutting keeps the beginning, and never more columns than there are", () => {
  fc.assert(
    fc.property(shown, columns, (text, wanted) => {
      const kept = cut(text, wanted);
      expect(widthOf(kept)).toBeLessThanOrEqual(wanted);
      expect(
        clusters(text)
          .map((one) => one.text)
          .join("")
          .startsWith(kept),
      ).toBe(true);
    }),
  );
});

test("a fitted line has exactly the columns that were asked for", () => {
  fc.assert(
    fc.property(shown, columns, (text, wanted) => {
      expect(lineWidth(fitLine([span(text)], wanted))).toBe(wanted);
    }),
  );
});

test("wrapped lines are never too wide, and lose nothing but spaces", () => {
  fc.assert(
    fc.property(fc.array(shown, { maxLength: 3 }), columns, (texts, wanted) => {
      const spans = texts.map((text, index) => span(text, index % 2 === 0 ? "plain" : "strong"));
      const lines = wrap(spans, wanted);
      for (const line of lines) expect(lineWidth(line)).toBeLessThanOrEqual(wanted);
      const solid = (text: string) => text.replaceAll(" ", "").replaceAll("\u25cc", "");
      expect(solid(lines.map(textOfLine).join(""))).toBe(solid(texts.join("")));
    }),
  );
});

test("lines break at spaces where they can", () => {
  expect(wrap([span("one two three")], 8).map(textOfLine)).toEqual(["one two", "three"]);
  expect(wrap([span("unbreakable")], 5).map(textOfLine)).toEqual(["unbre", "akabl", "e"]);
});

test("cutting a line keeps what each part is", () => {
  expect(cutLine([span("abc", "strong"), span("漢字")], 6)).toEqual([span("abc", "strong"), span("漢")]);
});
