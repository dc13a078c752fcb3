import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../../shared/protocol.ts";
import { bobAway, exchangeGrants, openMailbox } from "../../../support/mailbox-world.ts";
import { MessagingWorld } from "../../../support/messaging-world.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

describe("a grant", () => {
  test("is for contacts who were answered, and for nobody who is blocked", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const carol = await world.start("carol");
    await carol.send(bob, "hello from a stranger");
    await world.settle();
    const relay = world.relay("relay-one");
    await openMailbox(world, bob, [relay]);
    await bob.operations.contactsBlock({ username: "alice", blocked: true });
    await exchangeGrants(world, alice, bob);
    await exchangeGrants(world, carol, bob);
    expect(alice.store.mailbox.grantOf(bob.self.device)).toBeUndefined();
    expect(carol.store.mailbox.grantOf(bob.self.device)).toBeUndefined();
    await bob.operations.contactsBlock({ username: "alice", blocked: false });
    await exchangeGrants(world, alice, bob);
    expect(alice.store.mailbox.grantOf(bob.self.device)?.boxes).toHaveLength(1);
  });

  test("is renewed by mailbox too when its tokens run low", async () => {
    const { world, alice, bob, part, bobBack } = await bobAway();
    const before = alice.store.mailbox.grantOf(bob.device)?.seq ?? 0;
    const { store } = world.run(bob);
    const given = store.mailbox.givenTo(alice.self.device);
    if (given === undefined) throw new Error("bob granted alice his mailbox");
    const used = LIMITS.grantMaxTokens / 2 - 1;
    store.transaction(() => store.mailbox.saveGiven(alice.self.device, { ...given, used }));
    world.network.detach(bob.device);
    await alice.send("bob", "one more");
    await world.pass(5 * SECOND);
    part();
    await bobBack();
    expect(alice.store.mailbox.grantOf(bob.device)?.seq).toBeGreaterThan(before);
    expect(alice.store.mailbox.grantOf(bob.device)?.boxes[0]?.tokens.length).toBeGreaterThan(LIMITS.grantMaxTokens - 5);
  });

  test("of a new week names new boxes, and those of weeks before are still read", async () => {
    const { world, alice, bob, relays, part, bobBack } = await bobAway();
    await alice.send("bob", "last week's");
    await world.pass(5 * SECOND);
    const before = alice.store.mailbox.grantOf(bob.device)?.boxes[0]?.box;
    world.skip(8 * DAY);
    part();
    const back = await bobBack();
    await world.pass(10 * MINUTE);
    expect(back.inbox()).toEqual(["hello bob", "last week's"]);
    expect(alice.store.mailbox.grantOf(bob.device)?.boxes[0]?.box).not.toEqual(before);
    expect(relays[0]?.waiting).toBe(0);
  });
});
