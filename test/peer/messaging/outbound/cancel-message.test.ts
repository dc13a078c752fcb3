import { describe, expect, test } from "vitest";
import { bobAway } from "../../../support/mailbox-world.ts";
import type { MessagingPeer } from "../../../support/messaging-peer.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

async function texts(peer: MessagingPeer, who: string) {
  const { messages } = await peer.operations.history({ with: who });
  return messages.map(({ text }) => text);
}

describe("taking back what lies in a mailbox", () => {
  test("has it deleted by whoever reads it: nothing of it stays on either side", async () => {
    const { world, alice, relays, part, bobBack } = await bobAway();
    const { id } = await alice.send("bob", "regretted");
    await alice.send("bob", "kept");
    await world.pass(5 * SECOND);
    expect(relays[0]?.waiting).toBeGreaterThan(0);
    expect(await alice.operations.outboxCancel({ id })).toEqual({ cancelled: 1, withdrawn: true });
    await world.pass(5 * SECOND);
    part();
    const bob = await bobBack();
    await world.pass(10 * MINUTE);
    expect(await texts(bob, "alice")).toEqual(["hello bob", "hello alice", "", "kept"]);
    expect(await texts(alice, "bob")).toEqual(["hello bob", "hello alice", "kept"]);
    expect([alice.outbox(), alice.failures, bob.failures]).toEqual([[], [], []]);
  });

  test("does so too where it is to be left again elsewhere", async () => {
    const { world, alice, relays, part, bobBack } = await bobAway();
    const { id } = await alice.send("bob", "regretted");
    await world.pass(5 * SECOND);
    for (const relay of relays) relay.goDown();
    alice.store.transaction(() => {
      for (const { device } of alice.store.outbox.open()) alice.store.outbox.forgetRelayed(device);
    });
    expect(await alice.operations.outboxCancel({ id })).toEqual({ cancelled: 1, withdrawn: true });
    for (const relay of relays) relay.comeBack();
    part();
    const bob = await bobBack();
    await world.pass(30 * MINUTE);
    expect(await texts(bob, "alice")).toEqual(["hello bob", "hello alice", ""]);
  });

  test("tells nobody who is blocked, and says that it did not", async () => {
    const { world, alice } = await bobAway();
    const { id } = await alice.send("bob", "regretted");
    await world.pass(5 * SECOND);
    await alice.operations.contactsBlock({ username: "bob", blocked: true });
    expect(await alice.operations.outboxCancel({ id })).toEqual({ cancelled: 1, withdrawn: false });
    expect(alice.outbox()).toHaveLength(1);
  });
});

describe("deleting a message that was left in a mailbox and nobody confirmed", () => {
  test("tells its reader, even after it was given up", async () => {
    const { world, alice, part, bobBack } = await bobAway();
    const { id } = await alice.send("bob", "regretted");
    await world.pass(5 * SECOND);
    world.skip(31 * 24 * 60 * MINUTE);
    alice.upkeep();
    expect(alice.outbox()).toMatchObject([{ tombstone: true, error: "TIMED_OUT" }]);
    part();
    const deleted = await alice.operations.remove({ id, wait: "queued", timeoutMs: 0 });
    expect(deleted.id).not.toBe(id);
    await world.pass(5 * SECOND);
    const bob = await bobBack();
    await world.pass(10 * MINUTE);
    expect(await texts(bob, "alice")).toEqual(["hello bob", "hello alice", ""]);
  });
});
