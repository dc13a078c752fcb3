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
