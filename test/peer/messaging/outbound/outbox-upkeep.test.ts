import { describe, expect, test } from "vitest";
import type { MessagingPeer } from "../../../support/messaging-peer.ts";
import { MessagingWorld } from "../../../support/messaging-world.ts";

const DAY_MS = 24 * 60 * 60_000;

async function apart() {
  const world = new MessagingWorld();
  const { alice, bob } = await world.acquainted();
  world.network.part(alice.self.device, bob.self.device);
  const join = () => world.network.join(alice.self.device, bob.self.device);
  return { world, alice, bob, join };
}

async function texts(peer: MessagingPeer, who: string) {
  const { messages } = await peer.operations.history({ with: who });
  return messages.map(({ text, state }) => (state === undefined ? text : `${text}: ${state}`));
}

describe("taking a message back", () => {
  test("sends a tombstone in its place: no hole, no text, nothing in history", async () => {
    const { world, alice, bob, join } = await apart();
    await alice.send(bob, "one");
    const { id } = await alice.send(bob, "two");
    await alice.send(bob, "three");
    expect(await alice.operations.outboxCancel({ id })).toEqual({ cancelled: 1, withdrawn: false });
    const { items } = await alice.operations.outboxList();
    expect(items).toHaveLength(2);
    join();
    await world.pass(10 * 60_000);
    expect(bob.inbox()).toEqual(["hello bob", "one", "three"]);
    expect(await texts(alice, "bob")).toEqual(["hello bob: stored", "hello alice", "one: stored", "three: stored"]);
    expect(await texts(bob, "alice")).toEqual(["hello bob", "hello alice: stored", "one", "three"]);
    expect(alice.outbox()).toEqual([]);
  });

  test("of an unknown message, or one that was stored, changes nothing", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const { id } = await alice.send(bob, "stored");
    await world.settle();
    await expect(alice.operations.outboxCancel({ id })).rejects.toMatchObject({ code: "OUTBOX_UNKNOWN" });
    await expect(alice.operations.outboxCancel({ id: "0".repeat(32) })).rejects.toMatchObject({
      code: "OUTBOX_UNKNOWN",
    });
    await expect(alice.operations.outboxCancel({ id: "two" })).rejects.toMatchObject({ code: "USAGE" });
    expect(await texts(alice, "bob")).toContain("stored: stored");
  });

  test("that is on its way: the tombstone follows, the outbox empties, and neither side is alarmed", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    let losses = 1;
    world.network.judge = ({ frame }) => {
      if (frame?.type !== "ack" || losses === 0) return "pass";
      losses -= 1;
      return "drop";
    };
    const { id } = await alice.send(bob, "too late");
    await world.settle();
    await alice.operations.outboxCancel({ id });
    await world.pass(60_000);
    expect(bob.inbox()).toEqual(["hello bob", "too late"]);
    expect([...alice.outbox(), ...alice.failures, ...bob.failures]).toEqual([]);
    expect(alice.restoredNotices).toBe(0);
  });

  test("between sending and its ack: the sender neither spins nor forgets the tombstone", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    let cancelling: Promise<unknown> | undefined;
    const { id } = await new Promise<{ id: string }>((resolve) => {
      let sent: Promise<{ id: string }> | undefined;
      world.network.judge = ({ frame }) => {
        if (frame?.type === "ack" && sent !== undefined && cancelling === undefined) {
          const [row] = alice.store.outbox.open();
          const id = Buffer.from(row?.messageId ?? []).toString("hex");
          cancelling = alice.operations.outboxCancel({ id });
          resolve({ id });
        }
        return "pass";
      };
      sent = alice.send(bob, "crossing");
    });
    await cancelling;
    await world.settle();
    expect(alice.store.outbox.ofMessage(Buffer.from(id, "hex"))).toMatchObject([{ tombstone: true, state: "stored" }]);
    expect([...alice.outbox(), ...bob.failures]).toEqual([]);
  });
});

describe("after 30 days", () => {
  test("a message fails where people see it, and its tombstone closes the hole when the recipient is back", async () => {
    const { world, alice, bob, join } = await apart();
    const { id } = await alice.send(bob, "too old");
    world.skip(30 * DAY_MS);
    alice.upkeep();
    expect((await alice.operations.outboxList()).items).toMatchObject([{ id, state: "queued" }]);
    world.skip(1);
    alice.upkeep();
    expect((await alice.operations.outboxList()).items).toMatchObject([{ id, state: "failed", error: "TIMED_OUT" }]);
    expect(await texts(alice, "bob")).toContain("too old: failed");
    world.skip(DAY_MS);
    alice.upkeep();
    expect((await alice.operations.outboxList()).items).toMatchObject([{ id, state: "failed", error: "TIMED_OUT" }]);
    join();
    await alice.send(bob, "are you back?");
    await world.pass(2 * 60 * 60_000);
    expect(bob.inbox()).toEqual(["hello bob", "are you back?"]);
    expect(await texts(alice, "bob")).toContain("too old: failed");
    expect((await alice.operations.outboxList()).items).toEqual([]);
  });

  test("a send that still waits for it is answered", async () => {
    const { world, alice, bob } = await apart();
    const sending = alice.operations.send({ to: "bob", text: "patience", wait: "stored", timeoutMs: 90 * DAY_MS });
    await world.settle();
    world.skip(30 * DAY_MS + 1);
    alice.upkeep();
    expect(await sending).toMatchObject({ state: "failed", devices: [{ state: "failed", error: "TIMED_OUT" }] });
    expect(bob.inbox()).toEqual(["hello bob"]);
  });

  test("twice over, nobody tries to deliver the tombstone any more", async () => {
    const { world, alice, bob } = await apart();
    await alice.send(bob, "too old");
    world.skip(30 * DAY_MS + 1);
    alice.upkeep();
    world.skip(30 * DAY_MS + 1);
    alice.upkeep();
    expect(alice.outbox()).toEqual([]);
    expect(await texts(alice, "bob")).toContain("too old: failed");
  });
});
