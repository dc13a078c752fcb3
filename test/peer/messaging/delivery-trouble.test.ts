import { describe, expect, test } from "vitest";
import { Acceptor } from "../../../peer/messaging/outbound/accept-message.ts";
import { ChatError } from "../../../shared/errors.ts";
import { expectAtRest, typesBetween } from "../../support/messaging-checks.ts";
import { MessagingWorld } from "../../support/messaging-world.ts";
import { personOf } from "../../support/people.ts";

describe("when the world around is not well", () => {
  test("writes to a pinned contact while the naming server is down, and says why it cannot look anybody up", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    world.directory.fail(new ChatError("SERVER_UNREACHABLE", "down"));
    world.network.cut(alice.self.device, bob.self.device);
    await world.pass(2 * 60_000);
    await alice.send(bob, "without a server");
    await world.pass(2 * 60_000);
    expect(bob.inbox()).toEqual(["hello bob", "without a server"]);
    await expect(alice.send("carol", "hi")).rejects.toMatchObject({ code: "SERVER_UNREACHABLE" });
    expect(alice.store.contacts.list()).toHaveLength(1);
    expectAtRest(alice, bob);
  });

  test("holds the queue back when the recipient's key has changed, and delivers once it is trusted", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    world.kill(bob);
    await alice.send(bob, "queued before");
    const swapped = personOf("bob", { identity: "another identity", device: "another device" });
    await world.list(swapped);
    const other = world.run(swapped, { databasePath: `${world.databaseOf(swapped)}.other` });
    await other.leaveKeyPackages(2);
    await world.pass(10 * 60_000);
    expect(alice.outbox()).toMatchObject([{ state: "queued", error: "KEY_CHANGED" }]);
    expect(other.inbox()).toEqual([]);
    await expect(alice.send("bob", "no")).rejects.toMatchObject({ code: "KEY_CHANGED" });
    expect(alice.outbox()).toHaveLength(1);
    const { newFingerprint } = await alice.operations.trust({ username: "bob" });
    await alice.operations.trust({ username: "bob", accept: newFingerprint });
    await world.pass(60_000);
    expect(other.inbox()).toEqual(["queued before"]);
  });

  test("waits for a key package when none is left", async () => {
    const world = new MessagingWorld();
    const [alice, bob] = [await world.start("alice"), await world.start("bob", { keyPackages: 0 })];
    await alice.send(bob, "no key package");
    await world.settle();
    expect(alice.outbox()).toMatchObject([{ state: "queued", error: "NO_KEY_PACKAGE" }]);
    await bob.leaveKeyPackages(1);
    await world.pass(5 * 60_000);
    expect(bob.inbox()).toEqual(["no key package"]);
    expectAtRest(alice, bob);
  });

  test("opens any number of sessions from the last resort", async () => {
    const world = new MessagingWorld();
    const bob = await world.start("bob", { keyPackages: 0, lastResort: true });
    for (const name of ["alice", "carol", "dave"]) {
      const peer = await world.start(name);
      await peer.send(bob, `from ${name}`);
      await world.settle();
      expectAtRest(peer);
    }
    expect(bob.inbox()).toEqual(["from alice", "from carol", "from dave"]);
  });

  test("tells the sender that the recipient's disk is full, keeps the message, and recovers", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const full = new ChatError("STORAGE", "the disk is full", { reason: "full" });
    const { transaction } = bob.store;
    Object.assign(bob.store, {
      transaction: () => {
        throw full;
      },
    });
    await alice.send(bob, "no room");
    await world.settle();
    expect(alice.outbox()).toMatchObject([{ state: "queued", error: "STORAGE" }]);
    expect(typesBetween(world, bob).filter((type) => type === "ack")).toHaveLength(1);
    Object.assign(bob.store, { transaction });
    await world.pass(10 * 60_000);
    expect(bob.inbox()).toEqual(["hello bob", "no room"]);
    expect(bob.failures).toContain(full);
    expectAtRest(alice);
  });

  test("refuses a send that it cannot store, and claims nothing", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const { transaction } = alice.store;
    Object.assign(alice.store, {
      transaction: () => {
        throw new ChatError("STORAGE", "the disk is full", { reason: "full" });
      },
    });
    await expect(alice.send(bob, "no room here")).rejects.toMatchObject({ code: "STORAGE" });
    Object.assign(alice.store, { transaction });
    await alice.send(bob, "room again");
    await world.settle();
    expect(bob.inbox()).toEqual(["hello bob", "room again"]);
    expectAtRest(alice, bob);
  });

  test("fails what a stranger sends past the quota, and sends it once they are answered", async () => {
    const world = new MessagingWorld();
    const [alice, bob] = [await world.start("alice"), await world.start("bob")];
    const texts = Array.from({ length: 25 }, (_, index) => `please ${index}`);
    for (const text of texts) await alice.send(bob, text);
    await world.settle();
    expect(bob.inbox()).toEqual(texts.slice(0, 20));
    expect(alice.outbox()).toEqual(
      Array.from({ length: 5 }, (_, index) => ({ seq: 21 + index, state: "failed", error: "QUOTA", tombstone: false })),
    );
    await bob.send(alice, "stop it");
    await world.settle();
    expect(bob.inbox()).toEqual(texts);
    expectAtRest(alice, bob);
  });

  test("gives up on somebody who has blocked this profile, visibly", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    await bob.operations.contactsBlock({ username: "alice", blocked: true });
    await alice.send(bob, "are you there?");
    await world.settle();
    expect(alice.outbox()).toMatchObject([{ state: "failed", error: "CONTACT_BLOCKED" }]);
    expect(bob.inbox()).toEqual(["hello bob"]);
  });

  test("stops for good when a peer has stored more of it than it remembers sending", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const { cpSync } = await import("node:fs");
    const copy = `${world.databaseOf(alice.person)}.copy`;
    const stopped = alice;
    world.kill(stopped);
    cpSync(world.databaseOf(alice.person), copy);
    const lived = world.run(alice.person);
    await lived.send(bob, "after the copy");
    await world.settle();
    world.kill(lived);
    const restored = world.run(alice.person, { databasePath: copy });
    await restored.send(bob, "swallowed as a repeat?");
    await world.pass(60_000);
    expect(restored.restoredNotices).toBe(1);
    expect(bob.inbox()).toEqual(["hello bob", "after the copy"]);
    expect(restored.outbox()).toMatchObject([{ state: "queued" }]);
  });
});

describe("contacts that come and go", () => {
  test("fails what waits for a contact that is removed, and begins anew with them as a stranger", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    world.network.part(alice.self.device, bob.self.device);
    await alice.send(bob, "waiting");
    await alice.operations.contactsRemove({ username: "bob" });
    expect(alice.outbox()).toMatchObject([{ state: "failed", error: "CONTACT_UNKNOWN" }]);
    world.network.join(alice.self.device, bob.self.device);
    await world.pass(10 * 60_000);
    expect(alice.store.contacts.list()).toEqual([]);
    expect(bob.inbox()).toEqual(["hello bob"]);
    await bob.send(alice, "who am I to you?");
    await world.pass(60_000);
    expect(alice.inbox()).toEqual(["hello alice", "who am I to you?"]);
    expect(alice.contact(bob)?.accepted).toBe(false);
    expectAtRest(bob);
  });

  test("sends what waits for a device that was replaced to the new one, before what is newer", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    world.kill(bob);
    for (const text of ["one", "two"]) await alice.send(bob, text);
    await world.pass(10_000);
    const first = await world.list(bob.person);
    const replaced = personOf("bob", { device: "bob's new device" });
    await world.list(replaced, first);
    const renewed = world.run(replaced, { databasePath: `${world.databaseOf(replaced)}.new` });
    await renewed.leaveKeyPackages(2);
    await world.pass(10_000);
    await alice.send("bob", "three");
    await world.settle();
    await alice.send("bob", "four");
    await world.settle();
    expect(renewed.inbox()).toEqual(["one", "two", "three", "four"]);
    expect(alice.store.sessions.forDevice(bob.self.device)).toHaveLength(0);
    expectAtRest(alice, renewed);
  });
});

describe("a key that changes while a lane is open", () => {
  test("lets nothing more onto the lane, and keeps the queue", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const before = bob.inbox();
    const contact = alice.store.contacts.findByDevice(bob.self.device);
    if (contact === undefined) throw new Error("they are acquainted");
    const changed = { record: contact.record, seenAtMs: 0 };
    alice.store.transaction(() => alice.store.contacts.save({ ...contact, changed }));
    await new Acceptor(alice.core).accept({ to: contact, content: { kind: "text", text: "for whom?" } });
    alice.delivery.deliver(contact.username, contact.devices);
    await world.settle();
    expect(bob.inbox()).toEqual(before);
    expect(alice.outbox()).toMatchObject([{ state: "queued", error: "KEY_CHANGED" }]);
  });
});
