import { describe, expect, test } from "vitest";
import { readdress, renumberOutbox } from "../../../../peer/messaging/outbound/readdress.ts";
import { openEnvelope } from "../../../../shared/envelope.ts";
import { sha256 } from "../../../../shared/hash.ts";
import type { MessagingPeer } from "../../../support/messaging-peer.ts";
import { MessagingWorld } from "../../../support/messaging-world.ts";
import { type Person, personOf } from "../../../support/people.ts";

/** Alice, who has queued two messages for Bob's only device; it is replaced by `devices`. */
async function replaced(...devices: string[]) {
  const world = new MessagingWorld();
  const { alice, bob } = await world.acquainted();
  world.kill(bob);
  const sent = [await alice.send(bob, "one"), await alice.send(bob, "two")];
  await world.settle();
  const contact = alice.contact(bob);
  const people = devices.map((device) => personOf("bob", { device }));
  if (contact === undefined) throw new Error("bob is no contact");
  const list = people.map(({ device }) => device);
  alice.store.transaction(() => alice.store.contacts.save({ ...contact, devices: list }));
  return { world, alice, bob, people, ids: sent.map(({ id }) => Buffer.from(id, "hex")) };
}

function queuedFor(alice: MessagingPeer, { device }: Person) {
  return alice.store.outbox
    .queued(device, 0, 100)
    .map((row) => ({ ...openEnvelope(row.plaintext).envelope, tombstone: row.tombstone }));
}

describe("what waits for a device that is gone", () => {
  test("goes to the new device in its old order, chained from its beginning", async () => {
    const { alice, bob, people } = await replaced("new");
    const [device] = people;
    if (device === undefined) throw new Error("no device");
    readdress(alice, bob.person.username, bob.self.device);
    const [one, two] = queuedFor(alice, device);
    expect([one?.seq, two?.seq, one?.prevHash]).toEqual([2, 3, null]);
    expect(two?.prevHash).not.toBeNull();
    expect(alice.store.outbox.queued(bob.self.device, 0, 10)).toEqual([]);
    expect(alice.outbox()).toHaveLength(2);
  });

  test("leaves nothing behind of what its mailboxes needed", async () => {
    const { alice, bob } = await replaced("new");
    const { device } = bob.self;
    const { mailbox, transaction } = alice.store;
    transaction(() => {
      mailbox.saveGrant(device, { seq: 1, key: new Uint8Array(1216), boxes: [], receivedAtMs: 0 });
      mailbox.addParcel(device, { parcel: new Uint8Array(2048), key: new Uint8Array(), content: undefined, rows: [] });
    });
    readdress(alice, bob.person.username, device);
    expect([mailbox.grantOf(device), mailbox.parcels(device)]).toEqual([undefined, []]);
  });

  test("goes to all the new devices, a tombstone as a tombstone", async () => {
    const { alice, bob, people, ids } = await replaced("new", "newer");
    await alice.operations.outboxCancel({ id: Buffer.from(ids[1] ?? []).toString("hex") });
    readdress(alice, bob.person.username, bob.self.device);
    for (const device of people) {
      expect(queuedFor(alice, device).map(({ tombstone }) => tombstone)).toEqual([false, true]);
    }
    expect(alice.store.outbox.stateOf(ids[1] ?? new Uint8Array())).toBe("failed");
  });

  test("goes nowhere twice: a device that has its own copy gets no other", async () => {
    const { alice, bob, people } = await replaced("new");
    const [device] = people;
    if (device === undefined) throw new Error("no device");
    readdress(alice, bob.person.username, bob.self.device);
    readdress(alice, bob.person.username, bob.self.device);
    expect(queuedFor(alice, device)).toHaveLength(2);
  });

  test("stays where it is when nobody knows the person any more", async () => {
    const { alice, bob } = await replaced("new");
    alice.store.transaction(() => alice.store.contacts.remove(bob.person.username));
    expect(readdress(alice, bob.person.username, bob.self.device)).toEqual([]);
    expect(alice.store.outbox.queued(bob.self.device, 0, 10)).toHaveLength(2);
  });
});

describe("a restored profile", () => {
  test("signs what is queued anew, numbered from one, in its new life", async () => {
    const { alice, bob } = await replaced("first device");
    const next = personOf("alice", { device: "alice's next device" });
    const incarnation = sha256(Buffer.from("next life")).subarray(0, 16);
    const self = { ...alice.self, device: next.device, deviceKey: next.deviceKey, incarnation };
    alice.store.transaction(() => {
      alice.store.numbering.restart();
      renumberOutbox({ self, store: alice.store });
    });
    const rows = alice.store.outbox.queued(bob.self.device, 0, 10);
    const opened = rows.map(({ plaintext }) => openEnvelope(plaintext));
    expect(opened.map(({ sender }) => sender)).toEqual([next.device, next.device]);
    expect(opened.map(({ envelope }) => envelope.seq)).toEqual([1, 2]);
    expect(opened.every(({ envelope }) => Buffer.compare(envelope.incarnation, incarnation) === 0)).toBe(true);
    expect(opened[0]?.envelope.prevHash).toBeNull();
    expect(rows.map(({ envelopeId }) => envelopeId)).toEqual(opened.map(({ envelopeId }) => envelopeId));
  });
});
