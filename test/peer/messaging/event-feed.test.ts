import { describe, expect, test } from "vitest";
import type { Asked, ChatEvent } from "../../../peer/messaging/operations/feed.ts";
import { encodeCbor } from "../../../shared/cbor.ts";
import { expectError } from "../../support/expect-error.ts";
import { HostileOpener } from "../../support/hostile-opener.ts";
import type { MessagingPeer } from "../../support/messaging-peer.ts";
import { MessagingWorld } from "../../support/messaging-world.ts";
import { personOf } from "../../support/people.ts";

/** Reads until `stop`; what was read so far is in `seen`. */
function listen(peer: MessagingPeer, options: { since?: number } & Asked = {}) {
  const ending = new AbortController();
  const seen: ChatEvent[] = [];
  const reading = (async () => {
    for await (const event of peer.feed.events({ ...options, signal: ending.signal })) seen.push(event);
  })();
  const stop = () => {
    ending.abort();
    return reading;
  };
  return { seen, stop };
}

/** Bob's program, and Mallory, who can send it what she likes. */
async function bobAndMallory() {
  const world = new MessagingWorld();
  const bob = await world.start("bob");
  const mallory = personOf("mallory");
  await world.list(mallory);
  return { world, bob, opener: await new HostileOpener(world, mallory, bob.person).ready() };
}

async function listenToMallory() {
  const { world, bob, opener } = await bobAndMallory();
  return { world, opener, ...listen(bob) };
}

function texts(events: readonly ChatEvent[]) {
  return events.map((event) => {
    if (event.type === "message") return event.text;
    return event.type === "gap" ? `gap ${event.fromSeq}-${event.toSeq}` : event.type;
  });
}

describe("the feed", () => {
  test("brings what came before, and then whatever comes", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const { seen, stop } = listen(bob);
    await world.settle();
    expect(texts(seen)).toEqual(["hello bob"]);
    await alice.send(bob, "now");
    await world.settle();
    expect(texts(seen)).toEqual(["hello bob", "now"]);
    expect(seen[1]).toMatchObject({ from: "alice", seq: 2, verified: false, cursor: 2 });
    await stop();
  });

  test("tells who is writing to those who ask, and to nobody later", async () => {
    const world = new MessagingWorld();
    const { bob } = await world.acquainted();
    const typing: ChatEvent = { type: "typing", from: "alice", until: "2026-11-20T18:30:00.000Z" };
    bob.feed.emit(typing);
    const [asking, other] = [listen(bob, { typing: true }), listen(bob, { receipts: true })];
    await world.settle();
    bob.feed.emit(typing);
    await world.settle();
    expect(texts(asking.seen)).toEqual(["hello bob", "typing"]);
    expect(texts(other.seen)).toEqual(["hello bob"]);
    await Promise.all([asking.stop(), other.stop()]);
  });

  test("begins behind what was shown, or behind the cursor that is asked for, also after a restart", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    for (const text of ["two", "three"]) await alice.send(bob, text);
    await world.settle();
    bob.feed.shown(2);
    const again = world.restart(bob);
    const [rest, all] = [listen(again), listen(again, { since: 0 })];
    await world.settle();
    expect(texts(rest.seen)).toEqual(["three"]);
    expect(texts(all.seen)).toEqual(["hello bob", "two", "three"]);
    await Promise.all([rest.stop(), all.stop()]);
  });

  test("gives many messages each once, to every reader", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const readers = [listen(bob), listen(bob)];
    const sent = Array.from({ length: 200 }, (_, index) => `message ${index}`);
    await Promise.all(sent.map((text) => alice.send(bob, text)));
    await world.settle();
    for (const { seen, stop } of readers) {
      expect(texts(seen)).toEqual(["hello bob", ...sent]);
      await stop();
    }
  });

  test("names a gap right before what stands behind it, a tombstone too", async () => {
    const { world, opener, seen, stop } = await listenToMallory();
    await opener.write();
    opener.envelope();
    opener.envelope();
    await opener.write();
    await world.pass(5000);
    opener.envelope();
    await opener.write({ kind: "tombstone", body: encodeCbor({}) });
    await world.pass(5000);
    expect(texts(seen)).toEqual(["message 1", "gap 2-3", "message 4", "gap 5-5"]);
    await stop();
  });

  test("tells of a gap before a tombstone once, and of one before a message until that is shown", async () => {
    const { world, bob, opener } = await bobAndMallory();
    await opener.write();
    opener.envelope();
    await opener.write({ kind: "tombstone", body: encodeCbor({}) });
    opener.envelope();
    await opener.write();
    await world.pass(5000);
    /** What a listener sees that dies after it has shown so many events. */
    const shownBefore = async (peer: MessagingPeer, death: number) => {
      const { seen, stop } = listen(peer);
      await world.settle();
      await stop();
      for (const event of seen.slice(0, death)) if ("cursor" in event) peer.feed.shown(event.cursor);
      return texts(seen);
    };
    expect(await shownBefore(bob, 2)).toEqual(["message 1", "gap 2-2", "gap 4-4", "message 5"]);
    expect(await shownBefore(world.restart(bob), 1)).toEqual(["gap 4-4", "message 5"]);
    expect(await shownBefore(world.restart(bob), 2)).toEqual(["gap 4-4", "message 5"]);
    expect(await shownBefore(world.restart(bob), 0)).toEqual([]);
  });

  test("keeps passing events for who reads first, and drops them for who reads too slowly, never messages", async () => {
    const world = new MessagingWorld();
    const { bob } = await world.acquainted();
    for (let count = 0; count < 300; count += 1) bob.feed.emit({ type: "presence", username: "carol", online: true });
    const { seen, stop } = listen(bob);
    await world.settle();
    expect(seen.filter(({ type }) => type === "presence")).toHaveLength(256);
    expect(seen.filter(({ type }) => type === "message")).toHaveLength(1);
    await stop();
  });

  test("shows times that no calendar has as they were written", async () => {
    const { opener, seen, stop } = await listenToMallory();
    await opener.write({ sentAt: 8.64e15 });
    expect(seen).toMatchObject([{ sentAt: "+275760-09-13T00:00:00.000Z", receivedAt: "2026-11-20T12:00:00.000Z" }]);
    await stop();
  });
});

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
