import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EventReader } from "../../../peer/naming/event-stream.ts";
import { expectError } from "../../support/expect-error.ts";

const read = (reader: EventReader, text: string) => [...reader.read(Buffer.from(text))];

describe("an event reader", () => {
  test.each([
    ["a whole event", "event: list\nid: 7\ndata: {}\n\n", [{ event: "list", data: "{}", id: "7" }]],
    ["lines that end in CR LF", "event: list\r\ndata: {}\r\n\r\n", [{ event: "list", data: "{}", id: undefined }]],
    ["no space behind the colon", "event:list\ndata:{}\n\n", [{ event: "list", data: "{}", id: undefined }]],
    ["data of several lines", "data: a\ndata: b\n\n", [{ event: "", data: "a\nb", id: undefined }]],
    [
      "comments and unknown fields",
      ":\n: hello\nwhat: ever\nnothing\n\ndata: x\n\n",
      [{ event: "", data: "x", id: undefined }],
    ],
    ["an event without data", "event: list\nid: 3\n\ndata: x\n\n", [{ event: "", data: "x", id: "3" }]],
    ["an id of other characters", "id: a b\ndata: x\n\n", [{ event: "", data: "x", id: undefined }]],
    ["an event that is not whole", "data: x\n", []],
  ])("reads %s", (_what, text, events) => {
    expect(read(new EventReader(100), text)).toEqual(events);
  });

  test("keeps the last id for events without one, and the hint when to come again", () => {
    const reader = new EventReader(100);
    expect(read(reader, "retry: 1500\nretry: soon\nid: 5\ndata: x\n\ndata: y\n\n").map(({ id }) => id)).toEqual([
      "5",
      "5",
    ]);
    expect(reader.retryMs).toBe(1500);
  });

  test("refuses an event beyond the limit, and lines that are not UTF-8, however they are cut", async () => {
    const long = new EventReader(20);
    expect(read(long, "data: 0123456789\n\n:\n\n:\n\n")).toHaveLength(1);
    expect(read(long, "data: 01234")).toEqual([]);
    await expectError(() => read(long, "567890123456"), "SERVER_ERROR", "size");
    await expectError(() => read(new EventReader(20), `:\n${"id: 1\n".repeat(4)}`), "SERVER_ERROR", "size");
    await expectError(() => [...new EventReader(20).read(Buffer.of(0xff, 0x0a))], "SERVER_ERROR", "body");
  });

  test("reads the same events however the bytes are cut", () => {
    const text = 'retry: 5\n\nevent: list\r\nid: 1\ndata: {"ä":1}\n\n:\n\nevent: changes\nid: 2\ndata: a\ndata: b\n\n';
    const bytes = Buffer.from(text);
    const whole = read(new EventReader(1000), text);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 10 }), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const reader = new EventReader(1000);
        const events = places.slice(1).flatMap((end, index) => [...reader.read(bytes.subarray(places[index], end))]);
        expect(events).toEqual(whole);
      }),
    );
  });
});
