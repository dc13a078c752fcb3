import { describe, expect, test } from "vitest";
import { TELL_EVERY_MS, Typing } from "../../../peer/messaging/typing.ts";
import { ChatError } from "../../../shared/errors.ts";
import { encodeTyping } from "../../../shared/typing.ts";
import type { MessagingPeer } from "../../support/messaging-peer.ts";
import { MessagingWorld } from "../../support/messaging-world.ts";

type Talking = { readonly world: MessagingWorld; readonly alice: MessagingPeer; readonly bob: MessagingPeer };

/** Two who have written to each other, and those of them who want it have said so. */
async function talking(wanting: readonly ("alice" | "bob")[] = ["alice", "bob"]): Promise<Talking> {
  const world = new MessagingWorld();
  const { alice, bob } = await world.acquainted();
  const want = { alice: () => wants(alice, "bob"), bob: () => wants(bob, "alice") };
  for (const name of wanting) await want[name]();
  return { world, alice, bob };
}

async function wants(peer: MessagingPeer, username: string): Promise<void> {
  await peer.operations.contactsSet({ username, typing: true });
}

function tell(peer: MessagingPeer, to: string): Promise<{ told: number }> {
  return peer.operations.typing({ to });
}

describe("that somebody is writing", () => {
  test("is heard where both want it", async () => {
    const { world, alice, bob } = await talking();
    expect(await tell(alice, "bob")).toEqual({ told: 1 });
    await world.settle();
    expect(bob.typed).toEqual(["alice"]);
  });

  test("is not said unless the user wants it, and not heard unless the other one does", async () => {
    const neither = await talking([]);
    expect(await tell(neither.alice, "bob")).toEqual({ told: 0 });
    const { world, alice, bob } = await talking(["alice"]);
    // Nor does it show that the other one does not want it.
    expect(await tell(alice, "bob")).toEqual({ told: 1 });
    expect(await tell(bob, "alice")).toEqual({ told: 0 });
    await world.settle();
    expect([...neither.bob.typed, ...alice.typed, ...bob.typed]).toEqual([]);
  });

  test("is said once in some seconds, however often it is asked for, and heard no more often", async () => {
    const { world, alice, bob } = await talking();
    for (let count = 0; count < 50; count += 1) await tell(alice, "bob");
    await world.settle();
    expect(bob.typed).toEqual(["alice"]);
    await world.pass(TELL_EVERY_MS);
    expect(await tell(alice, "bob")).toEqual({ told: 1 });
    await world.settle();
    expect(bob.typed).toEqual(["alice", "alice"]);
    // Somebody who keeps to no rule.
    for (let count = 0; count < 5; count += 1) await unruly(world, alice).tell(contactOf(alice, "bob"));
    await world.settle();
    expect(bob.typed).toEqual(["alice", "alice"]);
  });

  test("leaves nothing behind: no row, no number, no place in the feed, on either side", async () => {
    const { world, alice, bob } = await talking();
    const traces = async (peer: MessagingPeer, other: string) => [
      await peer.operations.history({ with: other }),
      peer.outbox(),
      peer.store.inbox.newestCursor(),
      peer.inbox(),
    ];
    const before = [await traces(alice, "bob"), await traces(bob, "alice")];
    const frames = world.network.arrived.length;
    await tell(alice, "bob");
    await world.settle();
    expect(world.network.arrived.slice(frames)).toHaveLength(1);
    expect([await traces(alice, "bob"), await traces(bob, "alice")]).toEqual(before);
    await alice.send("bob", "next");
    await world.settle();
    expect(bob.inbox()).toEqual(["hello bob", "next"]);
  });

  test("is never dialled for, nor left for later", async () => {
    const { world, alice, bob } = await talking();
    world.network.cut(alice.self.device, bob.self.device);
    await world.settle();
    const connects = world.network.connects;
    expect(await tell(alice, "bob")).toEqual({ told: 0 });
    await world.pass(60_000);
    expect(world.network.connects).toBe(connects);
    expect(bob.typed).toEqual([]);
  });

  test.each([
    ["blocked", { blocked: true }],
    ["not accepted yet", { accepted: false }],
    ["of a key that has changed", { changed: { record: "", seenAtMs: 0 } }],
  ] as const)("is neither said to nor heard from somebody who is %s", async (_, change) => {
    const { world, alice, bob } = await talking();
    bob.store.transaction(() => bob.store.contacts.save({ ...contactOf(bob, "alice"), ...change }));
    expect(await tell(bob, "alice")).toEqual({ told: 0 });
    await tell(alice, "bob");
    await world.settle();
    expect([...alice.typed, ...bob.typed]).toEqual([]);
  });

  test("is nothing for who is no contact", async () => {
    const { alice } = await talking();
    expect(await tell(alice, "nobody-here")).toEqual({ told: 0 });
  });
});

test("a program that does not know of it is left alone for a while", async () => {
  const { world, alice } = await talking();
  let opened = 0;
  const openTyping = async () => {
    opened += 1;
    throw new ChatError("PEER_UNREACHABLE", "protocol not supported", { reason: "protocol" });
  };
  const typing = new Typing({ ...depsOf(alice), transport: async () => ({ openTyping }) });
  for (let count = 0; count < 10; count += 1) {
    expect(await typing.tell(contactOf(alice, "bob"))).toBe(0);
    await world.pass(TELL_EVERY_MS);
  }
  expect(opened).toBe(1);
});

test.each([
  ["a connection that breaks", async () => ({ openTyping: async () => broken("dial") })],
  ["a stream that takes too long", async () => ({ openTyping: async () => late() })],
  ["a network that does not start", async () => broken("stopped")],
])("%s is no reason not to try again, and none to throw", async (_, transport) => {
  const { world, alice, bob } = await talking();
  let isBroken = true;
  const working = async () => ({
    openTyping: async (device: typeof bob.self.device) => world.network.openTyping(alice.self.device, device),
  });
  const typing = new Typing({ ...depsOf(alice), transport: () => (isBroken ? transport() : working()) });
  expect(await typing.tell(contactOf(alice, "bob"))).toBe(0);
  isBroken = false;
  await world.pass(TELL_EVERY_MS);
  expect(await typing.tell(contactOf(alice, "bob"))).toBe(1);
  await world.settle();
  expect(bob.typed).toEqual(["alice"]);
});

test("a stream that says something else is nothing that is heard, and one that says nothing ends in time", async () => {
  const { world, alice, bob } = await talking();
  const open = async () => {
    const channel = await world.network.openTyping(alice.self.device, bob.self.device);
    if (channel === undefined) throw new Error("they are connected");
    return channel;
  };
  await (await open()).send([Buffer.concat([encodeTyping(), Buffer.of(0)])]);
  const silent = await open();
  await world.pass(60_000);
  await expect(silent.send([encodeTyping()])).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
  expect(bob.typed).toEqual([]);
  expect(bob.failures).toEqual([]);
});

async function broken(reason: string): Promise<never> {
  throw new ChatError("PEER_UNREACHABLE", "it broke", { reason });
}

async function late(): Promise<never> {
  throw new ChatError("TIMED_OUT", "gave up connecting");
}

function depsOf(peer: MessagingPeer) {
  return { contacts: peer.store.contacts, runtime: peer.core.runtime, heard: () => undefined };
}

/** A new one each time: it remembers nothing of what was said. */
function unruly(world: MessagingWorld, peer: MessagingPeer): Typing {
  const openTyping = async (device: typeof peer.self.device) => world.network.openTyping(peer.self.device, device);
  return new Typing({ ...depsOf(peer), transport: async () => ({ openTyping }) });
}

function contactOf(peer: MessagingPeer, username: string) {
  const contact = peer.store.contacts.list().find((one) => one.username === username);
  if (contact === undefined) throw new Error("no such contact");
  return contact;
}
