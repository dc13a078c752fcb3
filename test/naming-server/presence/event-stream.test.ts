import { expect, test } from "vitest";
import { encodeEvent, encodeRetry, readLastEventId } from "../../../naming-server/presence/event-stream.ts";

test("an event is a block of one line a field", () => {
  expect(encodeEvent("list", { online: ["line\nbreak"] }, 7).toString()).toBe(
    'event: list\nid: 7\ndata: {"online":["line\\nbreak"]}\n\n',
  );
  expect(encodeEvent("end", { reason: "token" }).toString()).toBe('event: end\ndata: {"reason":"token"}\n\n');
  expect(encodeRetry(3000).toString()).toBe("retry: 3000\n\n");
});

test.each([
  ["0", 0],
  ["42", 42],
  ["", undefined],
  ["042", undefined],
  ["-1", undefined],
  ["1e3", undefined],
  ["9".repeat(16), undefined],
])("the last event id %j is read as %s", (header, id) => {
  expect(readLastEventId(header)).toBe(id);
});
