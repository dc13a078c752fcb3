import { describe, expect, test } from "vitest";
import { bobAway, openMailbox } from "../../../support/mailbox-world.ts";
import { MessagingWorld } from "../../../support/messaging-world.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const WEEK = 7 * 24 * 60 * MINUTE;

/** Bob has read at one relay for so many weeks. */
async function bobFor(weeks: number) {
  const world = new MessagingWorld();
  const bob = await world.start("bob");
  const relay = world.relay("relay-one");
  await openMailbox(world, bob, [relay]);
  for (let week = 1; week < weeks; week += 1) {
    world.skip(WEEK);
    await world.pass(6 * MINUTE);
  }
  const published = async () => {
    const { mailboxes } = await world.directory.lookup(bob.person.username);
    return mailboxes.get(bob.self.device)?.boxes.map(({ relay: address }) => address) ?? [];
  };
  return { world, bob, relay, published };
}

/** It has forgotten every box, and makes so many new ones. */
function loses(relay: ReturnType<MessagingWorld["relay"]>, newBoxes: number): void {
  relay.newBoxes = newBoxes;
  relay.loseEverything();
}

describe("a relay that makes few boxes", () => {
  test("is asked for those of this week, and of weeks in which people were told of it", async () => {
    const { world, bob, relay } = await bobFor(3);
    const next = world.relay("relay-two");
    await openMailbox(world, bob, [relay, next]);
    await world.pass(MINUTE);
    expect([relay.boxes.size, next.boxes.size]).toEqual([6, 2]);
    world.skip(WEEK);
    await world.pass(6 * MINUTE);
    world.restart(bob, { relays: [relay.address, next.address] });
    await world.pass(MINUTE);
    expect([relay.boxes.size, next.boxes.size]).toEqual([8, 4]);
  });

  test("makes those that people are told of now, and the others once it does", async () => {
    const { world, bob, relay, published } = await bobFor(3);
    loses(relay, 3);
    await world.pass(MINUTE);
    expect(bob.mailbox.status()).toEqual([{ relay: relay.address, open: true }]);
    expect(relay.boxes.size).toBe(3);
    relay.newBoxes = 100;
    await world.pass(2 * MINUTE);
    const before = relay.connections;
    await world.pass(10 * MINUTE);
    expect([relay.boxes.size, relay.connections]).toEqual([6, before]);
    expect(await published()).toEqual([relay.address]);
  });

  test("is not asked for them over and over", async () => {
    const { world, relay } = await bobFor(3);
    loses(relay, 2);
    await world.pass(MINUTE);
    const before = relay.opens;
    await world.pass(30 * MINUTE);
    expect(relay.opens - before).toBeLessThanOrEqual(4 * 7);
  });

  test("and none for this week is read where there are boxes, and is not where people are sent", async () => {
    const { world, alice, bob, relays, part } = await bobAway();
    const [relay] = relays;
    if (relay === undefined) throw new Error("no relay");
    await alice.send("bob", "in a box of last week");
    await world.pass(5 * SECOND);
    part();
    relay.newBoxes = 0;
    world.skip(WEEK);
    const next = world.relay("relay-next");
    const back = world.run(bob, { relays: [relay.address, next.address] });
    await world.pass(MINUTE);
    expect(back.inbox()).toEqual(["hello bob", "in a box of last week"]);
    expect(back.mailbox.status()).toContainEqual({ relay: relay.address, open: false });
    const { mailboxes } = await world.directory.lookup(bob.username);
    expect(mailboxes.get(bob.device)?.boxes.map(({ relay: address }) => address)).toEqual([next.address]);
    relay.newBoxes = 100;
    await world.pass(10 * MINUTE);
    expect(back.mailbox.status()).toContainEqual({ relay: relay.address, open: true });
  });

  test("and none at all is left alone for a while", async () => {
    const { world, bob, relay } = await bobFor(1);
    loses(relay, 0);
    await world.pass(MINUTE);
    expect(bob.mailbox.status()).toEqual([{ relay: relay.address, open: false }]);
    relay.newBoxes = 2;
    await world.pass(10 * MINUTE);
    expect(bob.mailbox.status()).toEqual([{ relay: relay.address, open: true }]);
    expect(bob.failures).toEqual([]);
  });
});

test("a box of a week before is read with the seals of every week", async () => {
  const { world, alice, bob, relays, part } = await bobAway();
  const [former] = relays;
  if (former === undefined) throw new Error("no relay");
  world.skip(WEEK);
  const next = world.relay("relay-next");
  const moved = world.run(bob, { relays: [next.address] });
  await world.pass(MINUTE);
  world.kill(moved);
  // Alice knows the box that she was granted, and of this week's seal by the record.
  part();
  await alice.send("bob", "under the new seal");
  await world.pass(5 * SECOND);
  expect(former.waiting).toBe(1);
  const back = world.run(bob, { relays: [next.address] });
  await world.pass(MINUTE);
  expect(back.inbox()).toEqual(["hello bob", "under the new seal"]);
});
