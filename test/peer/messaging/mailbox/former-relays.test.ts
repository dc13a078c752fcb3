import { describe, expect, test } from "vitest";
import { bobAway } from "../../../support/mailbox-world.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** Alice has left something at the relay that bob uses no more; they do not meet. */
async function leftBehind() {
  const { world, alice, bob, relays, part, ...rest } = await bobAway();
  await alice.send("bob", "where you used to read");
  await world.pass(5 * SECOND);
  part();
  const [former] = relays;
  if (former === undefined) throw new Error("no relay");
  const next = world.relay("relay-next");
  const moved = () => world.run(bob, { relays: [next.address] });
  return { world, alice, bob, former, next, moved, ...rest };
}

describe("a relay that is used no more", () => {
  test("is read after a restart all the same, and is not where people are sent", async () => {
    const { world, alice, former, next, moved } = await leftBehind();
    const bob = moved();
    await world.pass(MINUTE);
    expect(bob.inbox()).toEqual(["hello bob", "where you used to read"]);
    expect([former.waiting, alice.outbox()]).toEqual([0, []]);
    expect(bob.mailbox.status()).toEqual([{ relay: next.address, open: true }]);
    const record = await world.directory.lookup(bob.person.username);
    const published = record.mailboxes.get(bob.self.device)?.boxes.map(({ relay }) => relay);
    expect(published).toEqual([next.address]);
  });

  test("but still on the list is read after a restart all the same", async () => {
    const { world, alice, bob, former, next } = await leftBehind();
    const another = world.relay("relay-another");
    const back = world.run(bob, { relays: [next, another, former].map(({ address }) => address) });
    await world.pass(10 * MINUTE);
    expect(back.inbox()).toEqual(["hello bob", "where you used to read"]);
    expect(alice.outbox()).toEqual([]);
    const { mailboxes } = await world.directory.lookup(bob.username);
    const published = mailboxes.get(bob.device)?.boxes.map(({ relay }) => relay);
    expect(published).toEqual([next.address, another.address]);
  });

  test("is read once it is back, within the weeks in which something may lie there", async () => {
    const { world, former, moved } = await leftBehind();
    former.goDown();
    const bob = moved();
    await world.pass(30 * MINUTE);
    expect(bob.inbox()).toEqual(["hello bob"]);
    former.comeBack();
    await world.pass(6 * MINUTE);
    expect(bob.inbox()).toEqual(["hello bob", "where you used to read"]);
  });

  test("is left alone once nothing can lie there any more", async () => {
    const { world, alice, former, next, moved } = await leftBehind();
    world.kill(alice);
    const bob = moved();
    for (let weeks = 0; weeks < 6; weeks += 1) {
      world.skip(7 * DAY);
      await world.pass(MINUTE);
    }
    former.goDown();
    former.comeBack();
    const before = former.connections;
    await world.pass(2 * 60 * MINUTE);
    expect(former.connections).toBe(before);
    world.restart(bob, { relays: [next.address] });
    await world.pass(MINUTE);
    expect(former.connections).toBe(before);
  });

  test("is not called by a device that wants no relay at all", async () => {
    const { world, bob, former } = await leftBehind();
    const before = former.connections;
    world.run(bob).mailbox.withdraw();
    await world.pass(10 * MINUTE);
    expect(former.connections).toBe(before);
  });
});
