import { describe, expect, test } from "vitest";
import { parcelSeals } from "../../../../peer/sessions/parcel-seal.ts";
import { publicKeyOfDevice } from "../../../../shared/device-id.ts";
import { ChatError } from "../../../../shared/errors.ts";
import { encodeFrame } from "../../../../shared/frames.ts";
import { sha256 } from "../../../../shared/hash.ts";
import { encodeParcel } from "../../../../shared/parcel.ts";
import { parseUsername } from "../../../../shared/username.ts";
import { expectError } from "../../../support/expect-error.ts";
import { bobAway, exchangeGrants, openMailbox } from "../../../support/mailbox-world.ts";
import type { MemoryRelay } from "../../../support/memory-mailboxes.ts";
import { MessagingWorld } from "../../../support/messaging-world.ts";
import { personOf } from "../../../support/people.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;

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

describe("a grant that is old", () => {
  const sevenWeeksOn = async () => {
    const { world, alice, bobBack, part, ...rest } = await bobAway();
    part();
    const bob = await bobBack();
    for (let weeks = 0; weeks < 7; weeks += 1) {
      world.skip(WEEK);
      await world.pass(MINUTE);
    }
    world.kill(bob);
    return { world, alice, bobBack, ...rest };
  };

  test("gives way to what its giver publishes: its boxes are read no more", async () => {
    const { world, alice, bobBack } = await sevenWeeksOn();
    await alice.send("bob", "after a long time");
    await world.pass(5 * SECOND);
    const back = await bobBack();
    expect(back.inbox()).toEqual(["hello bob", "after a long time"]);
  });

  test("and used up does not say for whom to seal either", async () => {
    const { world, alice, bob, bobBack } = await sevenWeeksOn();
    const grant = alice.store.mailbox.grantOf(bob.device);
    if (grant === undefined) throw new Error("bob has granted nothing");
    const usedUp = { ...grant, boxes: grant.boxes.map((box) => ({ ...box, tokens: [] })) };
    alice.store.transaction(() => alice.store.mailbox.saveGrant(bob.device, usedUp));
    await alice.send("bob", "after a long time");
    await world.pass(5 * SECOND);
    const back = await bobBack();
    expect(back.inbox()).toEqual(["hello bob", "after a long time"]);
  });
});

describe("sessions that keep failing", () => {
  test("do not cost a key package each time they are refused", async () => {
    const { world, alice, part, bobBack } = await bobAway();
    part();
    const bob = await bobBack();
    await bob.leaveKeyPackages(40);
    bob.store.transaction(() => bob.store.keyPackages.deleteAll());
    const before = world.directory.claims;
    await alice.send("bob", "refused again and again");
    await world.pass(10 * MINUTE);
    expect(world.directory.claims - before).toBeLessThan(7);
    while (world.directory.left(bob.self.device) > 0) await world.directory.claimKeyPackages(bob.person.username);
    await bob.leaveKeyPackages(4);
    await world.pass(2 * HOUR);
    expect(bob.inbox()).toEqual(["hello bob", "refused again and again"]);
  });

  test("do not cost one each time a relay says that it has lost everything", async () => {
    const { world, alice, relays } = await bobAway();
    await alice.send("bob", "once");
    await world.pass(5 * SECOND);
    const before = world.directory.claims;
    for (let times = 0; times < 36; times += 1) {
      for (const relay of relays) relay.store = relay.store.map((byte) => byte + 1);
      await world.pass(12 * MINUTE);
    }
    expect(world.directory.claims - before).toBeLessThan(15);
  });

  test("and whoever stays away are tried ever more rarely", async () => {
    const { world, alice, bobBack } = await bobAway();
    const bob = await bobBack();
    await bob.leaveKeyPackages(10);
    world.kill(bob);
    const again = world.restart(alice);
    await again.send("bob", "whenever you are back");
    await world.pass(5 * SECOND);
    const before = world.directory.claims;
    await world.pass(6.5 * DAY);
    expect(world.directory.claims - before).toBe(3);
  }, 30_000);
});

describe("a lying relay", () => {
  test("that gives a parcel which came too early ever new places is not believed for longer than a minute", async () => {
    const { world, alice, relays, part, bobBack } = await bobAway();
    for (const text of ["one", "two"]) {
      await alice.send("bob", text);
      await world.pass(5 * SECOND);
    }
    const [relay] = relays;
    if (relay === undefined) throw new Error("no relay");
    const first = relay.deposited.at(-2);
    let shift = 0;
    relay.tamper = (parcels) => {
      shift += 1000;
      return parcels.flatMap(({ place, parcel }) => (parcel === first ? [] : [{ place: place + shift, parcel }]));
    };
    part();
    const back = await bobBack();
    await world.pass(5 * MINUTE);
    expect(back.inbox()).toEqual(["hello bob", "one", "two"]);
  });

  test("that shows a parcel once and never again is not asked every ten seconds for good", async () => {
    const { world, alice, relays, part, bobBack } = await bobAway();
    for (const text of ["one", "two"]) {
      await alice.send("bob", text);
      await world.pass(5 * SECOND);
    }
    const [relay] = relays;
    if (relay === undefined) throw new Error("no relay");
    const first = relay.deposited.at(-2);
    let fetches = 0;
    relay.tamper = (parcels) => {
      fetches += 1;
      return fetches > 4 ? [] : parcels.filter(({ parcel }) => parcel !== first);
    };
    world.kill(alice);
    part();
    await bobBack();
    await world.pass(2 * MINUTE);
    const before = fetches;
    await world.pass(10 * MINUTE);
    expect(fetches - before).toBeLessThan(10);
  });

  test("that answers nothing keeps nobody from stopping", async () => {
    const { world, alice, relays, bobBack } = await bobAway();
    const bob = await bobBack();
    for (const relay of relays) relay.isSilent = true;
    world.kill(alice);
    await world.pass(10 * MINUTE);
    await bob.stop();
    expect(bob.failures).toEqual([]);
  });

  test("that comes and goes does not change where people leave parcels", async () => {
    const world = new MessagingWorld();
    const published: string[] = [];
    const { publishMailbox } = world.directory;
    world.directory.publishMailbox = (record) => {
      published.push(record);
      return publishMailbox(record);
    };
    const bob = await world.start("bob");
    const relays = ["relay-one", "relay-two", "relay-three"].map((name) => world.relay(name));
    await openMailbox(world, bob, relays);
    await world.pass(MINUTE);
    const before = published.length;
    for (let times = 0; times < 5; times += 1) {
      relays[0]?.goDown();
      await world.pass(2 * MINUTE);
      relays[0]?.comeBack();
      await world.pass(2 * MINUTE);
    }
    expect(published.length).toBe(before);
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

describe("a list of relays", () => {
  test("that names better ones moves nobody off relays that work", async () => {
    const world = new MessagingWorld();
    const bob = await world.start("bob");
    const [one, two, made] = ["relay-one", "relay-two", "relay-made-up"].map((name) => world.relay(name));
    if (one === undefined || two === undefined || made === undefined) throw new Error("no relays");
    await openMailbox(world, bob, [one, two]);
    bob.mailbox.use([made, one, two].map(({ address }) => address));
    await world.pass(10 * MINUTE);
    expect(bob.mailbox.status()).toEqual([one, two].map(({ address }) => ({ relay: address, open: true })));
    expect(made.connections).toBe(0);
  });

  test("that forgets a relay for a while keeps nobody from reading there", async () => {
    const { world, alice, relays, part, bobBack } = await bobAway(["relay-one", "relay-two"]);
    part();
    const back = await bobBack();
    back.mailbox.use(relays.slice(1).map(({ address }) => address));
    await alice.send("bob", "where you said");
    await world.pass(MINUTE);
    expect(back.inbox()).toEqual(["hello bob", "where you said"]);
    expect(alice.outbox()).toEqual([]);
  });
});

describe("a profile that has stopped delivering", () => {
  test("leaves no more parcels either", async () => {
    const { world, alice, bob, relays } = await bobAway();
    for (const relay of relays) relay.goDown();
    await alice.send("bob", "not by this copy");
    await world.pass(10 * SECOND);
    await alice.delivery.stop();
    for (const relay of relays) relay.comeBack();
    const deposited = relays[0]?.deposited.length;
    await expectError(alice.parcels.leave(bob.device), "INTERRUPTED");
    expect(relays[0]?.deposited.length).toBe(deposited);
    expect(alice.store.mailbox.parcels(bob.device)).toHaveLength(1);
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

/** In the box for everybody of this week. */
function leave(relay: MemoryRelay, parcel: Uint8Array): void {
  for (const box of relay.boxes.values()) {
    if (box.kind !== "requests") continue;
    box.places += 1;
    box.parcels.push({ place: box.places, parcel });
  }
}

describe("tokens", () => {
  test("are not all shown to a relay that calls each of them spent", async () => {
    const { world, alice, bob, relays } = await bobAway();
    const left = () => alice.store.mailbox.grantOf(bob.device)?.boxes[0]?.tokens.length ?? 0;
    const before = left();
    if (relays[0] !== undefined) relays[0].refuses = new ChatError("TOKEN_REPLAYED", "spent");
    await alice.send("bob", "for how much?");
    await world.pass(100);
    expect(before - left()).toBe(3);
  });
});

describe("a device that wants no relay any more", () => {
  test("says so, and nothing is left where nobody reads", async () => {
    const { world, alice, bob, relays } = await bobAway();
    const back = world.run(bob);
    back.mailbox.withdraw();
    await world.pass(MINUTE);
    await exchangeGrants(world, alice, back);
    expect(alice.store.mailbox.grantOf(bob.device)?.boxes).toEqual([]);
    world.kill(back);
    await world.settle();
    await alice.send("bob", "by hand then");
    await world.pass(MINUTE);
    expect(alice.outbox()).toMatchObject([{ state: "queued" }]);
    expect(relays[0]?.waiting).toBe(0);
  });
});
