import { expect, test } from "vitest";
import { ContactWatch } from "../../../../peer/messaging/feed/contact-watch.ts";
import type { PresenceEvent, PresenceFeed } from "../../../../peer/messaging/operations/feed.ts";
import type { Contact } from "../../../../peer/messaging/ports/contacts.ts";
import { ChatError } from "../../../../shared/errors.ts";
import { fakePresence } from "../../../support/fake-operations.ts";
import { FakeTime } from "../../../support/fake-time.ts";

const event = (username: string, online: boolean): PresenceEvent => {
  return { type: "presence", username, devices: [], contact: true, online, initial: false };
};

/** A watch with the contacts of that name: Bob, accepted; Carol, a stranger; Mallory, blocked. */
function start(presence: PresenceFeed) {
  const time = new FakeTime();
  const seen: string[] = [];
  const failures: unknown[] = [];
  const contacts = new Map([
    ["bob", { accepted: true, blocked: false }],
    ["carol", { accepted: false, blocked: false }],
    ["mallory", { accepted: true, blocked: true }],
  ]);
  const watch = new ContactWatch({
    presence,
    contacts: { find: (username) => ({ username, ...contacts.get(username) }) as Contact },
    runtime: time.runtime("watch"),
    seen: ({ username }, online) => void seen.push(`${online ? "+" : "-"}${username}`),
    failed: (error) => void failures.push(error),
  });
  return { watch, seen, failures, time };
}

test("tells of accepted contacts alone, and only while it is wanted", async () => {
  const signals: AbortSignal[] = [];
  const told = fakePresence(["bob", "carol", "mallory", "dave"].map((name) => event(name, true)));
  const presence: PresenceFeed = {
    events(signal) {
      signals.push(signal);
      return told.events(signal);
    },
  };
  const { watch, seen } = start(presence);
  expect(signals).toEqual([]);
  watch.set(true);
  watch.set(true);
  await expect.poll(() => seen).toEqual(["+bob"]);
  expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
  watch.set(false);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
});

test("says what failed, and tries again a minute later unless it is no longer wanted", async () => {
  let tries = 0;
  const presence: PresenceFeed = {
    async *events() {
      tries += 1;
      yield event("bob", tries % 2 === 1);
      throw new ChatError("NOT_FOUND", "the naming server is too old");
    },
  };
  const { watch, seen, failures, time } = start(presence);
  watch.set(true);
  await expect.poll(() => failures.length).toBe(1);
  expect(time.step(59_999).ran).toBe(false);
  expect(time.step(1).ran).toBe(true);
  await expect.poll(() => failures.length).toBe(2);
  expect(seen).toEqual(["+bob", "-bob"]);
  watch.set(false);
  expect(time.timers).toBe(0);
});
