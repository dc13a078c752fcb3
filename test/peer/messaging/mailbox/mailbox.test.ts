import { describe, expect, test } from "vitest";
import { bobAway, openMailbox } from "../../../support/mailbox-world.ts";
import type { MessagingPeer } from "../../../support/messaging-peer.ts";
import { MessagingWorld } from "../../../support/messaging-world.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;
const stateOf = (peer: MessagingPeer, { id }: { id: string }) => peer.store.outbox.stateOf(Buffer.from(id, "hex"));

async function deviceOfBob(alice: MessagingPeer) {
  const [device] = alice.store.contacts.list()[0]?.devices ?? [];
  if (device === undefined) throw new Error("alice does not know bob");
  return device;
}

describe("somebody who is away", () => {
  test("finds the message in the mailbox, and its sender the ack, without ever meeting", async () => {
    const { world, alice, bob, relays, part, bobBack } = await bobAway();
    const sent = await alice.send("bob", "are you there?");
    await world.pass(5 * SECOND);
    expect(stateOf(alice, sent)).toBe("relayed");
    expect(relays[0]?.waiting).toBe(1);
    part();
    const back = await bobBack();
    expect(back.inbox()).toEqual(["hello bob", "are you there?"]);
    expect(back.store.inbox.visibleAfter(0, 9).at(-1)).toMatchObject({ path: "mailbox" });
    expect(stateOf(alice, sent)).toBe("stored");
    expect(alice.store.outbox.ofMessage(Buffer.from(sent.id, "hex"))).toMatchObject([
      { device: bob.device, path: "mailbox" },
    ]);
    expect(relays[0]?.waiting).toBe(0);
    expect([...alice.failures, ...back.failures]).toEqual([]);
  });

  test("shows the message once, whether the mailbox or the sender brings it first", async () => {
    const { world, alice, bobBack } = await bobAway();
    await alice.send("bob", "one");
    await world.pass(5 * SECOND);
    const back = await bobBack();
    await alice.send("bob", "two");
    await world.pass(MINUTE);
    expect(back.inbox()).toEqual(["hello bob", "one", "two"]);
    expect(alice.outbox()).toEqual([]);
  });

  test("gets what a stranger wrote, by the box that is open to all", async () => {
    const world = new MessagingWorld();
    const [bob, carol] = [await world.start("bob"), await world.start("carol")];
    const relay = world.relay("relay-one");
    await openMailbox(world, bob, [relay]);
    world.kill(bob);
    const sent = await carol.send("bob", "we have not met");
    await world.pass(5 * SECOND);
    expect(stateOf(carol, sent)).toBe("relayed");
    world.network.part(bob.self.device, carol.self.device);
    const back = world.run(bob.person);
    await openMailbox(world, back, [relay]);
    await world.pass(MINUTE);
    expect(back.inbox()).toEqual(["we have not met"]);
    expect(back.contact(carol)).toMatchObject({ accepted: false });
  });

  test("without a mailbox is waited for", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    world.kill(bob);
    const sent = await alice.send(bob, "later then");
    await world.pass(MINUTE);
    expect(stateOf(alice, sent)).toBe("queued");
    expect(alice.failures).toEqual([]);
  });
});

describe("a relay", () => {
  test("that is down is passed over for the other one", async () => {
    const { world, alice, relays, part, bobBack } = await bobAway(["relay-one", "relay-two"]);
    relays[0]?.goDown();
    const sent = await alice.send("bob", "by the other way");
    await world.pass(10 * SECOND);
    expect(stateOf(alice, sent)).toBe("relayed");
    expect(relays[1]?.waiting).toBe(1);
    part();
    expect((await bobBack()).inbox()).toEqual(["hello bob", "by the other way"]);
  });

  test("that a sender knows from before is passed over for those of the record, where the device is now", async () => {
    const { world, alice, bob, relays, part } = await bobAway(["relay-one"]);
    relays[0]?.goDown();
    part();
    const moved = world.run(bob, { relays: [world.relay("relay-two").address] });
    await world.pass(MINUTE);
    const sent = await alice.send("bob", "found you");
    await world.pass(MINUTE);
    expect(moved.inbox()).toEqual(["hello bob", "found you"]);
    expect(stateOf(alice, sent)).toBe("relayed");
  });

  test("that is back brings what was left there, in order, whatever came by the other meanwhile", async () => {
    const { world, alice, relays, part, bobBack } = await bobAway(["relay-one", "relay-two"]);
    await alice.send("bob", "one");
    await world.pass(5 * SECOND);
    expect(relays[0]?.waiting).toBe(1);
    relays[0]?.goDown();
    await alice.send("bob", "two");
    await world.pass(10 * SECOND);
    expect(relays[1]?.waiting).toBe(1);
    part();
    const back = await bobBack();
    relays[0]?.comeBack();
    await world.pass(5 * MINUTE);
    expect(back.inbox()).toEqual(["hello bob", "one", "two"]);
    expect(alice.outbox()).toEqual([]);
  });

  test("that lost everything is found out, and gets it again", async () => {
    const { world, alice, relays, part, bobBack } = await bobAway();
    await alice.send("bob", "not lost");
    await world.pass(5 * SECOND);
    relays[0]?.loseEverything();
    part();
    const back = await bobBack();
    expect(back.inbox()).toEqual(["hello bob"]);
    await world.pass(60 * MINUTE);
    expect(back.inbox()).toEqual(["hello bob", "not lost"]);
    expect(alice.outbox()).toEqual([]);
  });

  test("that lost everything is used as before once the box is open again: its tokens are still good", async () => {
    const { world, alice, relays, bobBack } = await bobAway();
    relays[0]?.loseEverything();
    const sent = await alice.send("bob", "no box to leave it in");
    await world.pass(5 * SECOND);
    expect(stateOf(alice, sent)).toBe("queued");
    const back = await bobBack();
    expect(back.inbox()).toEqual(["hello bob", "no box to leave it in"]);
    world.kill(back);
    await alice.send("bob", "once more");
    await world.pass(5 * SECOND);
    const boxes = [...(relays[0]?.boxes.values() ?? [])].filter(({ parcels }) => parcels.length > 0);
    expect(boxes).toMatchObject([{ kind: "contacts", parcels: [{ place: 1 }] }]);
  });

  test("that keeps nothing of what it takes costs a day, and never the message", async () => {
    const { world, alice, relays, part, bobBack } = await bobAway(["relay-one", "relay-two"]);
    const [liar] = relays;
    if (liar !== undefined) liar.tamper = () => [];
    await alice.send("bob", "patience");
    await world.pass(5 * SECOND);
    part();
    const back = await bobBack();
    expect(back.inbox()).toEqual(["hello bob"]);
    await world.pass(DAY + 2 * 60 * MINUTE);
    expect(back.inbox()).toEqual(["hello bob", "patience"]);
  });

  test("that drops a parcel in the middle makes no hole: what follows waits for it to be sent again", async () => {
    const { world, alice, relays, part, bobBack } = await bobAway();
    for (const text of ["one", "two", "three"]) {
      await alice.send("bob", text);
      await world.pass(5 * SECOND);
    }
    expect(relays[0]?.waiting).toBe(3);
    const second = relays[0]?.deposited.at(-2);
    if (relays[0] !== undefined) relays[0].tamper = (parcels) => parcels.filter(({ parcel }) => parcel !== second);
    part();
    const back = await bobBack();
    await world.pass(5 * MINUTE);
    expect(back.inbox()).toEqual(["hello bob", "one", "two", "three"]);
    expect(alice.outbox()).toEqual([]);
  });

  test("that doubles, turns round and alters parcels shows nothing twice, wrongly or out of order", async () => {
    const { world, alice, relays, part, bobBack } = await bobAway();
    for (const text of ["one", "two", "three"]) {
      await alice.send("bob", text);
      await world.pass(5 * SECOND);
    }
    if (relays[0] !== undefined) {
      relays[0].tamper = (parcels) => {
        const twice = [...parcels, ...parcels].toReversed();
        const altered = parcels.slice(0, 1).map(({ parcel }) => ({ place: 1000, parcel: parcel.with(40, 0xff) }));
        return [...altered, ...twice];
      };
    }
    part();
    const back = await bobBack();
    await world.pass(10 * MINUTE);
    expect(back.inbox()).toEqual(["hello bob", "one", "two", "three"]);
    expect(alice.outbox()).toEqual([]);
    expect(back.failures).toEqual([]);
  });

  test("whose box is full leaves the message where it is safe", async () => {
    const { world, alice, relays, bobBack } = await bobAway();
    if (relays[0] !== undefined) relays[0].capacity = 1;
    await alice.send("bob", "fits");
    await world.pass(5 * SECOND);
    const sent = await alice.send("bob", "does not");
    await world.pass(MINUTE);
    expect(stateOf(alice, sent)).toBe("queued");
    expect((await bobBack()).inbox()).toEqual(["hello bob", "fits", "does not"]);
    expect(stateOf(alice, sent)).toBe("stored");
  });
});

describe("what is left", () => {
  test("is on the sender's disk first: a restart leaves the same parcel, once", async () => {
    const { world, alice, relays, part, bobBack } = await bobAway();
    relays[0]?.goDown();
    await alice.send("bob", "survives");
    await world.pass(10 * SECOND);
    const [packed] = alice.store.mailbox.parcels(await deviceOfBob(alice));
    const again = world.restart(alice);
    relays[0]?.comeBack();
    await world.pass(MINUTE);
    expect(relays[0]?.deposited.at(-1)).toEqual(packed?.parcel);
    part();
    expect((await bobBack()).inbox()).toEqual(["hello bob", "survives"]);
    expect(again.store.mailbox.parcels(await deviceOfBob(again))).toEqual([]);
  });

  test("does not go out any more once it was cancelled", async () => {
    const { world, alice, relays, part, bobBack } = await bobAway();
    relays[0]?.goDown();
    const regretted = await alice.send("bob", "regretted");
    await alice.send("bob", "kept");
    await world.pass(10 * SECOND);
    await alice.operations.outboxCancel({ id: regretted.id });
    relays[0]?.comeBack();
    part();
    const back = await bobBack();
    await world.pass(10 * MINUTE);
    expect(back.inbox()).toEqual(["hello bob", "kept"]);
  });

  test("in a box that strangers fill with garbage is found all the same, and the garbage is gone", async () => {
    const { world, alice, relays, part, bobBack } = await bobAway();
    const contents = [...(relays[0]?.boxes.values() ?? [])];
    for (const box of contents) {
      for (let place = 1; place <= 5; place += 1) box.parcels.push({ place, parcel: new Uint8Array(2048).fill(place) });
      box.places = 5;
    }
    await alice.send("bob", "in between");
    await world.pass(5 * SECOND);
    part();
    const back = await bobBack();
    expect(back.inbox()).toEqual(["hello bob", "in between"]);
    expect(relays[0]?.waiting).toBe(0);
    expect(back.failures).toEqual([]);
  });
});
