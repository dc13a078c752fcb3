import * as fc from "fast-check";
import { expect, test } from "vitest";
import { inputRows } from "../../../../peer/cli/chat/geometry.ts";
import { type Edit, EMPTY_INPUT, edit, insert, type TextInput } from "../../../../peer/cli/chat/text-input.ts";
import { hardText } from "../../../support/chat.ts";

const EDITS: readonly Edit[] = [
  "left",
  "right",
  "word-left",
  "word-right",
  "home",
  "end",
  "up",
  "down",
  "delete-left",
  "delete-right",
  "delete-word",
  "delete-word-right",
  "delete-to-start",
  "delete-to-end",
];

function at(text: string): TextInput {
  return { text: text.replace("|", ""), at: text.indexOf("|") };
}

test.each<[Edit, string, string]>([
  ["left", "ab|c", "a|bc"],
  ["left", "a👩‍👧|", "a|👩‍👧"],
  ["right", "a|e\u0301b", "ae\u0301|b"],
  ["word-left", "one two|", "one |two"],
  ["word-right", "|one two", "one| two"],
  ["home", "one\ntw|o", "one\n|two"],
  ["end", "o|ne\ntwo", "one|\ntwo"],
  ["up", "one\ntw|o", "on|e\ntwo"],
  ["up", "o\ntwo|", "o|\ntwo"],
  ["down", "on|e\ntwo", "one\ntw|o"],
  ["down", "one\ntw|o", "one\ntw|o"],
  ["delete-left", "ab|c", "a|c"],
  ["delete-left", "|abc", "|abc"],
  ["delete-right", "a|👍🏽c", "a|c"],
  ["delete-word", "one two |three", "one |three"],
  ["delete-word-right", "one| two three", "one| three"],
  ["delete-to-start", "one\ntw|o", "one\n|o"],
  ["delete-to-end", "o|ne\ntwo", "o|\ntwo"],
])("%s makes %j into %j", (action, before, after) => {
  expect(edit(at(before), action)).toEqual(at(after));
});

test("the cursor is never outside the text, whatever is pressed", () => {
  const action = fc.oneof(
    fc.constantFrom(...EDITS),
    hardText.map((text) => ({ text })),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
      let input = EMPTY_INPUT;
      for (const next of actions) input = typeof next === "string" ? edit(input, next) : insert(input, next.text);
      expect(input.at).toBeGreaterThanOrEqual(0);
      expect(input.at).toBeLessThanOrEqual(input.text.length);
    }),
  );
});

test("the rows of what is written hold the cursor, and are never too wide", () => {
  const place = fc.record({ text: hardText, lefts: fc.nat(40) });
  fc.assert(
    fc.property(place, fc.integer({ min: 4, max: 60 }), fc.integer({ min: 1, max: 6 }), (given, columns, most) => {
      let input = insert(EMPTY_INPUT, given.text);
      for (let left = given.lefts; left > 0; left -= 1) input = edit(input, "left");
      const { rows, cursor } = inputRows(input, columns, most);
      expect(rows.length).toBeLessThanOrEqual(most);
      expect(cursor.row).toBeGreaterThanOrEqual(0);
      expect(cursor.row).toBeLessThan(rows.length);
      expect(cursor.column).toBeLessThan(columns);
    }),
  );
});
