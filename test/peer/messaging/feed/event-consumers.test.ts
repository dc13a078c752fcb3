import { describe, expect, test } from "vitest";
import type { ChatEvent } from "../../../../peer/messaging/operations/feed.ts";
import { expectError } from "../../../support/expect-error.ts";
import { listen, texts } from "../../../support/feed-readers.ts";
import type { MessagingPeer } from "../../../support/messaging-peer.ts";
import { MessagingWorld } from "../../../support/messaging-world.ts";

/** Reads, under a name where one is given, until `stop`. */
async function consume(peer: MessagingPeer, consumer?: string, since?: number | "now") {
  const ending = new AbortController();
  const seen: ChatEvent[] = [];
  const reading = await peer.feed.consume({
    ...(consumer !== undefined && { consumer }),
    ...(since !== undefined && { since }),
  });
  const done = (async () => {
    for await (const event of reading.events(ending.signal)) seen.push(event);
  })();
  const stop = () => {
    ending.abort();
    reading.close();
    return done;
  };
  return { seen, stop, acknowledge: (cursor: number) => reading.acknowledge(cursor) };
}

describe("what happened before anybody read", () => {
  test("waits for who is told everything, and is not given to who is told a part of it", async () => {
    const world = new MessagingWorld();
    const { bob } = await world.acquainted();
    bob.feed.emit({ type: "presence", username: "carol", online: true });
    const part = new AbortController();
    const seen: ChatEvent[] = [];
    const reading = (async () => {
      for await (const event of bob.feed.events({ narrowed: true, signal: part.signal })) seen.push(event);
    })();
    await world.settle();
    bob.feed.emit({ type: "presence", username: "carol", online: false });
    await world.settle();
    const owner = listen(bob);
    await world.settle();
    expect(owner.seen.filter(({ type }) => type === "presence")).toMatchObject([{ online: true }, { online: false }]);
    expect(seen.filter(({ type }) => type === "presence")).toMatchObject([{ online: false }]);
    part.abort();
    await Promise.all([owner.stop(), reading]);
  });
});

describe("consumers", () => {
  test("each get everything, and go on behind what each has acknowledged, also after a restart", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    for (const text of ["two", "three"]) await alice.send(bob, text);
    const [bot, alarm] = [await consume(bob, "bot"), await consume(bob, "alarm")];
    await world.settle();
    expect([texts(bot.seen), texts(alarm.seen)]).toEqual(Array(2).fill(["hello bob", "two", "three"]));
    await bot.acknowledge(2);
    await alarm.acknowledge(1);
    await Promise.all([bot.stop(), alarm.stop()]);
    const again = world.restart(bob);
    const [rest, more, listener] = [await consume(again, "bot"), await consume(again, "alarm"), listen(again)];
    await world.settle();
    expect([texts(rest.seen), texts(more.seen)]).toEqual([["three"], ["two", "three"]]);
    expect(texts(listener.seen)).toEqual(["hello bob", "two", "three"]);
    await Promise.all([rest.stop(), more.stop(), listener.stop()]);
  });

  test("never go back for what was acknowledged before", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    await alice.send(bob, "two");
    const bot = await consume(bob, "bot");
    await world.settle();
    await bot.acknowledge(2);
    await bot.acknowledge(1);
    await bot.stop();
    const again = await consume(bob, "bot");
    await world.settle();
    expect(again.seen).toEqual([]);
    await again.stop();
  });

  test("are told what they have kept beside their place, until they go back by a cursor", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    for (const text of ["two", "three"]) await alice.send(bob, text);
    const ahead = { done: [[3, 3]] as const, failed: [{ cursor: 2, gap: false, failures: 4 }] };
    const bot = await bob.feed.consume({ consumer: "bot" });
    expect(bot.ahead).toBeUndefined();
    await bot.acknowledge(0, ahead);
    bot.close();
    const again = world.restart(bob);
    const next = await again.feed.consume({ consumer: "bot" });
    expect(next.ahead).toEqual(ahead);
    expect(again.store.cursors.get("consumer/bot")).toBe(0);
    next.close();
    for (const other of ["alarm", "listen"]) {
      expect((await again.feed.consume({ consumer: other })).ahead).toBeUndefined();
    }
    const back = await again.feed.consume({ consumer: "bot", since: 0 });
    expect(back.ahead).toBeUndefined();
    await back.acknowledge(0, { done: [], failed: [] });
    back.close();
    expect((await again.feed.consume({ consumer: "bot" })).ahead).toBeUndefined();
  });

  test("keep nothing beside their place once they went back, also where they keep nothing new there", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    for (const text of ["two", "three"]) await alice.send(bob, text);
    const bot = await bob.feed.consume({ consumer: "bot" });
    await bot.acknowledge(0, { done: [[3, 3]], failed: [] });
    bot.close();
    const back = await consume(bob, "bot", 0);
    await world.settle();
    await back.acknowledge(1);
    await back.stop();
    const next = await bob.feed.consume({ consumer: "bot" });
    expect([bob.store.cursors.get("consumer/bot"), next.ahead]).toEqual([1, undefined]);
  });

  test("keep what is beside their place where only that moves", async () => {
    const world = new MessagingWorld();
    const { bob } = await world.acquainted();
    const ahead = { done: [[3, 3]] as const, failed: [] };
    const bot = await bob.feed.consume({ consumer: "bot" });
    await bot.acknowledge(0, ahead);
    bot.close();
    const on = await consume(bob, "bot");
    await world.settle();
    await on.acknowledge(1);
    await on.stop();
    expect((await bob.feed.consume({ consumer: "bot" })).ahead).toEqual(ahead);
  });

  test("cannot acknowledge what they were not given yet: nothing that comes later is lost by it", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const bot = await consume(bob, "bot");
    for (const cursor of [1, Number.MAX_SAFE_INTEGER]) {
      await expectError(async () => bot.acknowledge(cursor), "REQUEST_INVALID", "cursor");
    }
    await world.settle();
    await expectError(async () => bot.acknowledge(2), "REQUEST_INVALID", "cursor");
    await bot.acknowledge(1);
    await bot.stop();
    await alice.send(bob, "later");
    const again = await consume(bob, "bot");
    await world.settle();
    expect(texts(again.seen)).toEqual(["later"]);
    await again.stop();
  });

  test("begin with what is to come if they are new and ask for it, and go on from there", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    await (await consume(bob, "bot", "now")).stop();
    await alice.send(bob, "later");
    await world.settle();
    for (const since of ["now", undefined] as const) {
      const bot = await consume(bob, "bot", since);
      await world.settle();
      expect(texts(bot.seen)).toEqual(["later"]);
      await bot.stop();
    }
  });

  test("without a name begin with what is to come, however many there are, and no place is kept", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const readers = await Promise.all([consume(bob), consume(bob)]);
    await alice.send(bob, "later");
    await world.settle();
    for (const { seen, acknowledge } of readers) {
      expect(texts(seen)).toEqual(["later"]);
      await acknowledge(2);
    }
    const again = await consume(bob, undefined, 0);
    await world.settle();
    expect(texts(again.seen)).toEqual(["hello bob", "later"]);
    await Promise.all([...readers, again].map(({ stop }) => stop()));
  });

  test("are one at a time under a name; `listen` is the name of who gives none", async () => {
    const world = new MessagingWorld();
    const { bob } = await world.acquainted();
    const bot = await consume(bob, "bot");
    await expectError(bob.feed.consume({ consumer: "bot" }), "PROFILE_BUSY", "consumer");
    await bot.stop();
    await (await consume(bob, "bot")).stop();
    const listener = await consume(bob, "listen");
    await world.settle();
    await listener.acknowledge(1);
    await listener.stop();
    const { seen, stop } = listen(bob);
    await world.settle();
    expect(seen).toEqual([]);
    await stop();
  });

  test("keep their places apart from the program's own", async () => {
    const world = new MessagingWorld();
    const { bob } = await world.acquainted();
    bob.store.cursors.set("log-watch", 5);
    const bot = await consume(bob, "log-watch");
    await world.settle();
    await bot.acknowledge(1);
    expect(texts(bot.seen)).toEqual(["hello bob"]);
    expect(bob.store.cursors.get("log-watch")).toBe(5);
    await bot.stop();
  });
});
