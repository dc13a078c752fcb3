import { describe, expect, test } from "vitest";
import { parcelSeals } from "../../../../peer/sessions/parcel-seal.ts";
import { publicKeyOfDevice } from "../../../../shared/device-id.ts";
import { encodeFrame } from "../../../../shared/frames.ts";
import { sha256 } from "../../../../shared/hash.ts";
import { encodeParcel } from "../../../../shared/parcel.ts";
import { parseUsername } from "../../../../shared/username.ts";
import { bobAway, openMailbox } from "../../../support/mailbox-world.ts";
import type { MemoryRelay } from "../../../support/memory-mailboxes.ts";
import { MessagingWorld } from "../../../support/messaging-world.ts";
import { personOf } from "../../../support/people.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** In the box for everybody of this week. */
function leave(relay: MemoryRelay, parcel: Uint8Array): void {
  for (const box of relay.boxes.values()) {
    if (box.kind !== "requests") continue;
    box.places += 1;
    box.parcels.push({ place: box.places, parcel });
  }
}

describe("a stranger", () => {
  test("does not make this device call an address of theirs", async () => {
    const world = new MessagingWorld();
    const [bob, carol] = [await world.start("bob"), await world.start("carol")];
    const [relay, trap] = [world.relay("relay-one"), world.relay("relay-trap")];
    await openMailbox(world, bob, [relay]);
    await openMailbox(world, carol, [trap]);
    world.network.part(bob.self.device, carol.self.device);
    world.kill(bob);
    await carol.send("bob", "we have not met");
    await world.pass(5 * SECOND);
    world.kill(carol);
    const before = trap.connections;
    const back = world.run(bob.person, { relays: [relay.address] });
    await world.pass(5 * MINUTE);
    expect(back.inbox()).toEqual(["we have not met"]);
    expect(trap.connections).toBe(before);
  });

  test("whom this profile answers hears that their message came", async () => {
    const world = new MessagingWorld();
    const [bob, carol] = [await world.start("bob"), await world.start("carol")];
    const relays = [world.relay("relay-one")];
    await openMailbox(world, bob, relays);
    await openMailbox(world, carol, relays);
    world.network.part(bob.self.device, carol.self.device);
    await carol.send("bob", "we have not met");
    await world.pass(MINUTE);
    await bob.send("carol", "now we have");
    await world.pass(DAY + 2 * HOUR);
    expect(carol.inbox()).toEqual(["now we have"]);
    expect([carol.outbox(), bob.outbox()]).toEqual([[], []]);
  });

  test("has one name looked up for a parcel, however many it holds", async () => {
    const world = new MessagingWorld();
    const bob = await world.start("bob");
    const relay = world.relay("relay-one");
    await openMailbox(world, bob, [relay]);
    await world.pass(MINUTE);
    const before = world.directory.lookups;
    const mallory = personOf("mallory");
    const frames = Array.from({ length: 40 }, (_, n) =>
      encodeFrame({
        type: "open",
        sessionId: sha256(Buffer.from(`session ${n}`)),
        recipientDevice: publicKeyOfDevice(bob.self.device),
        hint: parseUsername(`name-${n}`),
        welcome: new Uint8Array(8),
      }),
    );
    const { mailboxes } = await world.directory.lookup(bob.person.username);
    const key = Buffer.from(mailboxes.get(bob.self.device)?.key ?? "", "base64url");
    const plain = encodeParcel({ from: mallory.device, frames }, bob.self.device, mallory.deviceKey);
    leave(relay, parcelSeals((length) => new Uint8Array(length).fill(7)).seal(key, bob.self.device, plain));
    await world.pass(10 * MINUTE);
    expect(world.directory.lookups - before).toBeLessThan(5);
    expect(relay.waiting).toBe(0);
  });
});

describe("a contact", () => {
  test("whose own relay answers nothing keeps nobody else's messages from being read", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const carol = await world.start("carol");
    const [relay, tar] = [world.relay("relay-one"), world.relay("relay-tar")];
    await openMailbox(world, bob, [relay]);
    await openMailbox(world, carol, [tar]);
    await carol.send(bob, "hello from carol");
    await world.settle();
    await bob.send(carol, "hello carol");
    await world.settle();
    await world.pass(2 * MINUTE);
    for (const peer of [alice, carol]) world.network.part(bob.self.device, peer.self.device);
    tar.isSilent = true;
    await carol.send(bob, "answer me");
    await world.pass(30 * SECOND);
    await alice.send(bob, "not kept waiting");
    await world.pass(30 * SECOND);
    expect(bob.inbox()).toEqual(["hello bob", "hello from carol", "answer me", "not kept waiting"]);
  });
});

describe("what is kept for somebody", () => {
  test("goes when they are removed", async () => {
    const { world, alice, bob, relays } = await bobAway();
    for (const relay of relays) relay.goDown();
    await alice.send("bob", "never mind");
    await world.pass(10 * SECOND);
    expect(alice.store.mailbox.parcels(bob.device)).toHaveLength(1);
    await alice.operations.contactsRemove({ username: "bob" });
    await world.settle();
    const { mailbox } = alice.store;
    expect([mailbox.parcels(bob.device), mailbox.grantOf(bob.device), mailbox.givenTo(bob.device)]).toEqual([
      [],
      undefined,
      undefined,
    ]);
  });
});
