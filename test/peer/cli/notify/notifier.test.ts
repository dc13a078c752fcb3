import { expect, test } from "vitest";
import { type Notification, Notifier, notifying } from "../../../../peer/cli/notify/notifier.ts";
import { readShown, type Shown } from "../../../../peer/cli/notify/shown.ts";
import type { ChatEvent } from "../../../../peer/messaging/operations/feed.ts";
import { expectError } from "../../../support/expect-error.ts";
import { fakeFeed, MESSAGE } from "../../../support/fake-operations.ts";
import { FakeTime } from "../../../support/fake-time.ts";

const message = (text: string, from = "bob"): ChatEvent => ({ type: "message", ...MESSAGE, from, text });

function notifier(shown: Shown = "text") {
  const time = new FakeTime();
  const seen: Notification[] = [];
  const it = new Notifier({ shown, show: (one) => void seen.push(one), after: time.runtime("notifier").after });
  return { time, seen, it };
}

test("a message is shown with who wrote and what, or with who wrote alone", () => {
  const open = notifier("text");
  open.it.tell(message("hi\nthere"));
  expect(open.seen).toEqual([{ title: "bob", body: "hi there" }]);
  const hidden = notifier("names");
  hidden.it.tell(message("the secret"));
  expect(hidden.seen).toEqual([{ title: "bob", body: "wrote to you" }]);
});

test("a changed key is shown, and what is no news to a person is not", () => {
  const { it, seen } = notifier("names");
  it.tell({ type: "key-change", username: "bob", oldFingerprint: "a", newFingerprint: "b" });
  it.tell({ type: "presence", username: "bob", online: true });
  it.tell({ type: "error", code: "LOG_STALE", message: "old" });
  expect(seen).toEqual([{ title: "bob", body: expect.stringContaining("another key") }]);
});

test("hostile text is made harmless, and long text is cut between characters", () => {
  const { it, seen } = notifier();
  it.tell(message("\x1b]0;x\x07\u009b31m\u202egpj", "mal\x07lory"));
  it.tell(message("😀".repeat(5000)));
  expect(seen[0]).toEqual({ title: "mal<U+0007>lory", body: "<U+001B>]0;x<U+0007><U+009B>31m<U+202E>gpj" });
  expect(seen[1]?.body).toBe(`${"😀".repeat(200)}...`);
});

test("no more than three are shown a second, and what was left out is counted", () => {
  const { it, seen, time } = notifier();
  for (let index = 0; index < 100; index += 1) it.tell(message(`number ${index}`));
  expect(seen.map(({ body }) => body)).toEqual(["number 0", "number 1", "number 2"]);
  time.pass(1000);
  expect(seen.at(-1)).toEqual({ title: "p2pchat", body: "97 more" });
  expect(seen).toHaveLength(4);
  for (let index = 0; index < 100; index += 1) it.tell(message("again"));
  expect(seen).toHaveLength(6);
  time.pass(5000);
  expect(seen.at(-1)).toEqual({ title: "p2pchat", body: "98 more" });
  expect(time.timers).toBe(0);
});

test("a consumer that is heard too tells the same, acknowledges the same, and leaves no timer", async () => {
  const { it, seen, time } = notifier();
  const feed = fakeFeed([message("one"), message("two")]);
  const consumer = notifying(await feed.consume({ consumer: "x" }), it);
  const told: string[] = [];
  const ending = new AbortController();
  for await (const event of consumer.events(ending.signal)) {
    if (event.type === "message") told.push(event.text);
    if (told.length === 2) ending.abort();
  }
  await consumer.acknowledge(7);
  consumer.close();
  expect({ told, shown: seen.map(({ body }) => body) }).toEqual({ told: ["one", "two"], shown: ["one", "two"] });
  expect(feed.cursors).toEqual([7]);
  expect(time.timers).toBe(0);
});

test("what to show is text, names or off", async () => {
  expect([undefined, "off", "text", "names"].map(readShown)).toEqual([undefined, undefined, "text", "names"]);
  await expectError(async () => readShown("all"), "USAGE");
});
