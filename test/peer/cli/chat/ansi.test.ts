import { expect, test } from "vitest";
import { toAnsi } from "../../../../peer/cli/chat/ansi.ts";
import { span } from "../../../../peer/cli/chat/line.ts";

test("what follows an emoji that terminals differ about is put in its place", () => {
  expect(toAnsi([span("ab 👩\u200d🚀 c")], true)).toBe("ab 👩\u200d🚀\x1b[8G c");
  expect(toAnsi([span("12 "), span("❤\uFE0Fx", "faint")], true)).toBe("12 \x1b[2m❤\uFE0F\x1b[6Gx\x1b[0m");
  expect(toAnsi([span("🇩🇪!")], true)).toBe("🇩🇪\x1b[5G!");
});

test("all else is written as it is", () => {
  expect(toAnsi([span("漢字 👍 é"), span(" faint", "faint")], true)).toBe("漢字 👍 é\x1b[2m faint\x1b[0m");
});
