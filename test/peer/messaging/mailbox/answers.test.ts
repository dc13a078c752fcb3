import { describe, expect, test } from "vitest";
import { encodeFrame } from "../../../../shared/frames.ts";
import { LIMITS } from "../../../../shared/protocol.ts";
import { exchangeGrants, openMailbox } from "../../../support/mailbox-world.ts";
import type { MessagingPeer } from "../../../support/messaging-peer.ts";
import { MessagingWorld } from "../../../support/messaging-world.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const stateOf = (peer: MessagingPeer, { id }: { id: string }) => peer.store.outbox.stateOf(Buffer.from(id, "hex"));

/** Alice and bob have mailboxes at a relay each, and meet no more; bob is away. */
async function apart() {
  const world = new MessagingWorld();
  const { alice, bob } = await world.acquainted();
  const relays = { alice: world.relay("relay-alice"), bob: world.relay("relay-bob") };
  await openMailbox(world, alice, [relays.alice]);
  await openMailbox(world, bob, [relays.bob]);
  await exchangeGrants(world, alice, bob);
  world.network.part(alice.self.device, bob.self.device);
  world.kill(bob);
  const bobBack = () => world.run(bob.person, { relays: [relays.bob.address] });
  return { world, alice, bob: bob.person, relays, bobBack };
}

describe("an answer that could not be left", () => {
  test("because the process ended is left by the next one, long before the message would come again", async () => {
    const { world, alice, relays, bobBack } = await apart();
    const sent = await alice.send("bob", "did you get this?");
    await world.pass(5 * SECOND);
    relays.alice.isSilent = true;
    const bob = bobBack();
    await world.pass(2 * SECOND);
    expect([bob.inbox(), relays.bob.waiting]).toEqual([["hello bob", "did you get this?"], 0]);
    world.kill(bob);
    relays.alice.isSilent = false;
    const again = bobBack();
    await world.pass(MINUTE);
    expect(stateOf(alice, sent)).toBe("stored");
    expect(again.store.mailbox.answering()).toEqual([]);
  });

  test("because its relay was down is left within minutes of the relay's return", async () => {
    const { world, alice, relays, bobBack } = await apart();
    const sent = await alice.send("bob", "did you get this?");
    await world.pass(5 * SECOND);
    relays.alice.goDown();
    bobBack();
    await world.pass(10 * MINUTE);
    relays.alice.comeBack();
    await world.pass(HOUR);
    expect(stateOf(alice, sent)).toBe("stored");
  });

  test("is left alone: nothing that went in the parcel before it is left again", async () => {
    const { world, alice, relays, bobBack } = await apart();
    world.kill(alice);
    await world.settle();
    const bob = bobBack();
    await world.pass(MINUTE);
    const { mailbox } = bob.store;
    const before = relays.alice.deposited.length;
    relays.alice.capacity = 1;
    const answers = Array.from({ length: LIMITS.parcelMaxFrames + 44 }, (_, n) =>
      encodeFrame({ type: "reset", sessionId: Buffer.alloc(32, `${n}-`), signature: Buffer.alloc(64) }),
    );
    bob.store.transaction(() => mailbox.addAnswers(alice.self.device, answers, bob.core.runtime.now()));
    await world.pass(10 * MINUTE);
    expect([relays.alice.deposited.length - before, mailbox.countAnswers(alice.self.device)]).toEqual([1, 44]);
    relays.alice.capacity = 10;
    await world.pass(HOUR);
    expect([relays.alice.deposited.length - before, mailbox.countAnswers(alice.self.device)]).toEqual([2, 0]);
  });

  test("is left where its recipient reads by now", async () => {
    const { world, alice, relays, bobBack } = await apart();
    const sent = await alice.send("bob", "did you get this?");
    await world.pass(5 * SECOND);
    relays.alice.goDown();
    const moved = world.relay("relay-moved");
    alice.mailbox.use([moved.address]);
    await world.pass(MINUTE);
    bobBack();
    await world.pass(HOUR);
    expect(stateOf(alice, sent)).toBe("stored");
  });

  test("is due once, however often the message comes, and no longer than the message waits for it", async () => {
    const { world, alice, relays, bobBack } = await apart();
    await alice.send("bob", "did you get this?");
    await world.pass(5 * SECOND);
    relays.alice.goDown();
    const parcels = relays.bob.deposited.slice(-1).map((parcel) => ({ parcel }));
    let shown = 0;
    relays.bob.tamper = () => {
      shown += 1;
      return parcels.map(({ parcel }) => ({ place: shown, parcel }));
    };
    const bob = bobBack();
    await world.pass(30 * MINUTE);
    expect(shown).toBeGreaterThan(3);
    expect(bob.store.mailbox.answersFor(alice.self.device)).toHaveLength(1);
    relays.bob.tamper = () => [];
    world.skip(31 * DAY);
    await world.pass(10 * MINUTE);
    expect(bob.store.mailbox.answersFor(alice.self.device)).toEqual([]);
  });

  test("is forgotten with its recipient", async () => {
    const { world, alice, relays, bobBack } = await apart();
    await alice.send("bob", "did you get this?");
    await world.pass(5 * SECOND);
    relays.alice.goDown();
    const bob = bobBack();
    await world.pass(MINUTE);
    expect(bob.store.mailbox.answering()).toEqual([alice.self.device]);
    await bob.operations.contactsRemove({ username: "alice" });
    expect(bob.store.mailbox.answering()).toEqual([]);
  });
});

describe("a stranger's message", () => {
  test("is acknowledged by mailbox as soon as they are accepted, and not before", async () => {
    const world = new MessagingWorld();
    const [bob, carol] = [await world.start("bob"), await world.start("carol")];
    const relays = { bob: world.relay("relay-bob"), carol: world.relay("relay-carol") };
    await openMailbox(world, bob, [relays.bob]);
    await openMailbox(world, carol, [relays.carol]);
    world.network.part(bob.self.device, carol.self.device);
    const before = relays.carol.connections;
    const sent = await carol.send("bob", "we have not met");
    await world.pass(HOUR);
    expect(bob.inbox()).toEqual(["we have not met"]);
    expect([relays.carol.connections, stateOf(carol, sent)]).toEqual([before, "relayed"]);
    await bob.operations.contactsAccept({ username: "carol" });
    await world.pass(6 * MINUTE);
    expect(stateOf(carol, sent)).toBe("stored");
  });
});
