import { describe, expect, test } from "vitest";
import { expectError } from "../../../support/expect-error.ts";
import { bobAway, exchangeGrants } from "../../../support/mailbox-world.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;

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
