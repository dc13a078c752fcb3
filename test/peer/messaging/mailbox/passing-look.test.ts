import { describe, expect, test } from "vitest";
import { PassingLook } from "../../../../peer/messaging/mailbox/passing-look.ts";
import { openMailbox } from "../../../support/mailbox-world.ts";
import type { MemoryRelay } from "../../../support/memory-mailboxes.ts";
import type { MessagingPeer } from "../../../support/messaging-peer.ts";
import { MessagingWorld } from "../../../support/messaging-world.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

const stateOf = (peer: MessagingPeer, { id }: { id: string }) => peer.store.outbox.stateOf(Buffer.from(id, "hex"));

function lookOf({ mailbox, store, core }: MessagingPeer, relays: readonly MemoryRelay[]): PassingLook {
  const addresses = async () => relays.map(({ address }) => address);
  return new PassingLook({ mailbox, store, runtime: core.runtime, relays: addresses, failed: core.notices.failed });
}

/** Alice, who has no mailbox yet and never stays, has left something for bob, who has read it; neither is there now. */
async function answered() {
  const world = new MessagingWorld();
  const { alice, bob } = await world.acquainted();
  const [relays, atBob] = [[world.relay("relay-alice")], [world.relay("relay-bob")]];
  await openMailbox(world, bob, atBob);
  world.kill(bob);
  world.network.part(alice.self.device, bob.self.device);
  const sent = await alice.send("bob", "whenever you are there");
  await world.pass(5 * SECOND);
  expect(stateOf(alice, sent)).toBe("relayed");
  const finished = lookOf(alice, relays).finish({ withinMs: 5 * SECOND, asked: false });
  await world.settle();
  await finished;
  await alice.stop();
  const back = world.run(bob.person, { relays: atBob.map(({ address }) => address) });
  await world.pass(MINUTE);
  expect(back.inbox()).toEqual(["hello bob", "whenever you are there"]);
  world.kill(back);
  const again = () => world.run(alice.person);
  return { world, relays, sent, again };
}

describe("a command that ends by itself", () => {
  test("finds the answers to what an earlier one left", async () => {
    const { world, relays, sent, again } = await answered();
    await world.pass(10 * MINUTE);
    const alice = again();
    const look = lookOf(alice, relays);
    look.beginIfDue();
    const finished = look.finish({ withinMs: MINUTE, asked: false });
    await world.settle();
    await finished;
    expect(stateOf(alice, sent)).toBe("stored");
    expect(relays[0]?.waiting).toBe(0);
  });

  test("finds them where people were told to leave them, though other relays come first by now", async () => {
    const { world, relays, sent, again } = await answered();
    await world.pass(10 * MINUTE);
    const alice = again();
    const others = ["relay-dead", "relay-mute"].map((name) => world.relay(name));
    for (const other of others) other.isSilent = true;
    others[0]?.goDown();
    const look = lookOf(alice, [...others, ...relays]);
    look.beginIfDue();
    const finished = look.finish({ withinMs: MINUTE, asked: false });
    await world.pass(1900);
    expect(stateOf(alice, sent)).toBe("stored");
    await world.pass(200);
    await finished;
  });

  test("has nothing to look for where nothing of its own lies in a mailbox", async () => {
    const { world, relays, again } = await answered();
    const alice = again();
    alice.store.transaction(() => {
      for (const row of alice.store.outbox.open()) alice.store.outbox.remove(row.id);
    });
    const before = relays[0]?.connections;
    await world.pass(10 * MINUTE);
    lookOf(alice, relays).beginIfDue();
    await world.settle();
    expect(relays[0]?.connections).toBe(before);
  });

  test("does not look again within minutes, unless it is asked to", async () => {
    const { world, relays, sent, again } = await answered();
    const alice = again();
    const look = lookOf(alice, relays);
    look.beginIfDue();
    await look.finish({ withinMs: MINUTE, asked: false });
    expect(stateOf(alice, sent)).toBe("relayed");
    const finished = look.finish({ withinMs: MINUTE, asked: true });
    await world.settle();
    await finished;
    expect(stateOf(alice, sent)).toBe("stored");
  });

  test("is not kept by a relay that answers nothing, nor past its own time", async () => {
    const { world, relays, again } = await answered();
    await world.pass(10 * MINUTE);
    const alice = again();
    for (const relay of relays) relay.isSilent = true;
    const look = lookOf(alice, relays);
    look.beginIfDue();
    await look.finish({ withinMs: 0, asked: false });
    let isOver = false;
    void look.finish({ withinMs: MINUTE, asked: false }).then(() => (isOver = true));
    await world.pass(1900);
    expect(isOver).toBe(false);
    await world.pass(200);
    expect(isOver).toBe(true);
    const next = lookOf(alice, relays);
    next.beginIfDue();
    await next.finish({ withinMs: MINUTE, asked: false });
  });
});

describe("a message that was left and that nobody confirmed", () => {
  test("is not given up before the answers were read, and then says so", async () => {
    const { world, relays, sent, again } = await answered();
    const alice = again();
    for (const relay of relays) relay.goDown();
    world.skip(31 * DAY);
    alice.upkeep();
    expect(stateOf(alice, sent)).toBe("relayed");
    for (const relay of relays) {
      relay.comeBack();
      relay.tamper = () => [];
    }
    const look = lookOf(alice, relays);
    look.begin();
    await world.settle();
    alice.upkeep();
    expect((await alice.operations.outboxList()).items).toMatchObject([
      { id: sent.id, state: "failed", error: "TIMED_OUT", reason: "unconfirmed" },
    ]);
  });

  test("and was to be left again, or whose own mailbox nobody reads any more, says so too", async () => {
    const { world, sent, again } = await answered();
    const alice = again();
    alice.store.transaction(() => {
      for (const { device } of alice.store.outbox.open()) alice.store.outbox.forgetRelayed(device);
    });
    world.skip(61 * DAY);
    alice.upkeep();
    expect((await alice.operations.outboxList()).items).toMatchObject([
      { id: sent.id, state: "failed", reason: "unconfirmed" },
    ]);
  });
});
