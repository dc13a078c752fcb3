import { expect, test } from "vitest";
import { describeEvent } from "../../../peer/cli/describe-event.ts";
import { localTime } from "../../../peer/cli/instant.ts";
import type { ChatEvent } from "../../../peer/messaging/operations/feed.ts";

const AT = "2026-11-20T18:30:00.000Z";

const MESSAGE = {
  type: "message",
  ...{ id: "00112233445566778899aabbccddeeff", from: "alice", text: "hi", sentAt: AT, receivedAt: AT },
  ...{ seq: 7, verified: true, path: "direct", cursor: 12 },
} as const satisfies Partial<ChatEvent>;

const describeForPeople = (event: object) => describeEvent(event as ChatEvent, (text) => text);

test("a message that was taken back before anybody read it says so, where no text of anybody can", () => {
  expect(describeForPeople(MESSAGE)).toBe(`${localTime(AT)} alice: hi`);
  expect(describeForPeople({ ...MESSAGE, text: "", deleted: true })).toBe(`${localTime(AT)} alice (taken back):`);
  expect(describeForPeople({ ...MESSAGE, text: "(taken back):" })).toBe(`${localTime(AT)} alice: (taken back):`);
});

test.each([
  ["a message", { ...MESSAGE, from: "\u001b[2Jx", text: "\u009b31m\rx\u202e" }],
  ["an edit", { type: "edit", id: "00", from: "\u001b[2Jx", text: "\u001b]0;x\u0007" }],
  ["a deletion", { type: "delete", id: "00", from: "\u001b[2Jx" }],
  ["a reaction", { type: "reaction", id: "00", from: "\u001b[2Jx", emoji: "\u001b[31m\u009b" }],
  ["a reaction taken back", { type: "reaction", id: "00", from: "\u001b[2Jx", emoji: "" }],
  ["somebody writing", { type: "typing", from: "\u001b[2Jx", until: AT }],
  ["somebody coming", { type: "presence", username: "\u001b[2Jx", online: true }],
  ["a changed key", { type: "key-change", username: "\u001b[2Jx", oldFingerprint: "ab", newFingerprint: "cd" }],
  ["a gap", { type: "gap", from: "\u001b[2Jx", fromSeq: 1, toSeq: 2 }],
  ["an error", { type: "error", code: "SERVER_ERROR", message: "\u001b[2J\n\u0090x\u2028" }],
])("nothing that others wrote acts on the terminal in %s", (_, event) => {
  expect(describeForPeople(event).replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u);
  expect(describeForPeople(event)).toMatch(/<U\+001B>/);
});
