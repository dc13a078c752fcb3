import { describe, expect, test, vi } from "vitest";
import type { ChatEvent } from "../../../../peer/messaging/operations/feed.ts";
import { encodeCbor } from "../../../../shared/cbor.ts";
import { listen, texts } from "../../../support/feed-readers.ts";
import { HostileOpener } from "../../../support/hostile-opener.ts";
import type { MessagingPeer } from "../../../support/messaging-peer.ts";
import { MessagingWorld } from "../../../support/messaging-world.ts";
import { inbound, laneOfBob } from "../../../support/opened-store.ts";
import { personOf } from "../../../support/people.ts";

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

  test("lets whoever wakes it finish first: what is stored is acknowledged before it is shown", async () => {
    const world = new MessagingWorld();
    const { bob } = await world.acquainted();
    const { seen, stop } = listen(bob, { since: 1 });
    await world.settle();
    bob.store.transaction(() => {
      bob.store.inbox.add(inbound(1), "text");
      bob.store.inbox.release(laneOfBob, 1, 0);
    });
    bob.feed.wake();
    for (let turn = 0; turn < 100; turn += 1) await undefined;
    expect(texts(seen)).toEqual([]);
    await world.settle();
    expect(texts(seen)).toEqual(["text 1"]);
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

  test("looks up what became of a message for those who ask, and for nobody else", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const ofMessage = vi.spyOn(alice.store.outbox, "ofMessage");
    const plain = listen(alice, { since: 1 });
    await world.settle();
    alice.feed.outboxChanged([new Uint8Array(16)]);
    expect(ofMessage).not.toHaveBeenCalled();
    const asking = listen(alice, { since: 1, receipts: true });
    const { id } = await alice.send(bob, "has it come?");
    await world.settle();
    expect(asking.seen).toEqual([{ type: "receipt", id, to: "bob", state: "stored" }]);
    expect(plain.seen).toEqual([]);
    await Promise.all([plain.stop(), asking.stop()]);
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
