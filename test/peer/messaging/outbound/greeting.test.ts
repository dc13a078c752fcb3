import { describe, expect, test } from "vitest";
import { GREETED_AT_ONCE, greetAll } from "../../../../peer/messaging/outbound/greeting.ts";
import { FakeTime } from "../../../support/fake-time.ts";
import { MessagingWorld } from "../../../support/messaging-world.ts";
import { personOf } from "../../../support/people.ts";

/** Twenty greetings, each over when a test says so. */
function greetings() {
  const time = new FakeTime();
  const stopping = new AbortController();
  const begun: number[] = [];
  const all = Array.from({ length: 20 }, (_, index) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const greet = () => {
      begun.push(index);
      return promise;
    };
    return { greet, end: resolve };
  });
  const done = greetAll(
    time.runtime("greeting"),
    all.map(({ greet }) => greet),
    stopping.signal,
  );
  return { time, stopping, begun, all, done };
}

describe("greeting many at the start", () => {
  test("has a few under way at once, and pauses before the next", async () => {
    const { time, begun, all, done } = greetings();
    expect(begun).toHaveLength(GREETED_AT_ONCE);
    expect(begun).not.toEqual(begun.toSorted((a, b) => a - b));
    while (begun.length < 20) {
      const before = begun.length;
      all[begun[before - GREETED_AT_ONCE] ?? 0]?.end();
      await expect.poll(() => time.timers).toBe(1);
      expect(begun).toHaveLength(before);
      expect(time.step(1000).ran).toBe(true);
      await expect.poll(() => begun.length).toBe(before + 1);
    }
    expect(begun.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index));
    for (const { end } of all) end();
    await expect.poll(() => time.timers).toBe(GREETED_AT_ONCE);
    while (time.step(1000).ran);
    await done;
  });

  test("ends at once when asked to", async () => {
    const { time, stopping, begun, all, done } = greetings();
    all[begun[0] ?? 0]?.end();
    await expect.poll(() => time.timers).toBe(1);
    stopping.abort();
    for (const { end } of all) end();
    await done;
    expect(begun).toHaveLength(GREETED_AT_ONCE);
    expect(time.timers).toBe(0);
  });

  test("reaches everybody who is a contact, whether the others are there or not", async () => {
    const world = new MessagingWorld();
    const alice = await world.start("alice");
    const people = Array.from({ length: 20 }, (_, index) => personOf(`friend-${index}`));
    for (const person of people) {
      await world.list(person);
      const { contact } = await alice.core.resolver.resolve(person.username);
      alice.store.transaction(() => alice.store.contacts.save({ ...contact, accepted: true }));
    }
    const here = people.slice(10).map((person) => world.run(person));
    const before = world.network.connects;
    alice.delivery.greet();
    await world.settle();
    expect(world.network.connects - before).toBe(GREETED_AT_ONCE);
    await world.pass(60_000);
    expect(world.network.connects - before).toBe(20);
    const greeted = world.network.arrived.filter(({ frame }) => frame?.type === "hello").map(({ to }) => to);
    for (const { self } of here) expect(greeted).toContain(self.device);
    await alice.stop();
    expect(alice.failures).toEqual([]);
  });
});
