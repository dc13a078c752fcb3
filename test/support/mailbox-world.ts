import type { MemoryRelay } from "./memory-mailboxes.ts";
import type { MessagingPeer } from "./messaging-peer.ts";
import { MessagingWorld } from "./messaging-world.ts";
import type { Person } from "./people.ts";

const MINUTE_MS = 60_000;

/** Opens somebody's boxes at those relays; from then on the directory shows them. */
export async function openMailbox(
  world: MessagingWorld,
  peer: MessagingPeer,
  relays: readonly MemoryRelay[],
): Promise<void> {
  peer.mailbox.use(relays.map(({ address }) => address));
  await world.settle();
}

/** Opens a new lane from each to the other, on which grants are exchanged. */
export async function exchangeGrants(world: MessagingWorld, a: MessagingPeer, b: MessagingPeer): Promise<void> {
  for (const peer of [a, b]) {
    world.network.cut(a.self.device, b.self.device);
    peer.delivery.greet();
    await world.pass(MINUTE_MS);
  }
}

/** Alice and bob know each other and have granted each other their mailboxes; bob is away. */
export async function bobAway(relayNames: readonly string[] = ["relay-one"]) {
  const world = new MessagingWorld();
  const { alice, bob } = await world.acquainted();
  const relays = relayNames.map((name) => world.relay(name));
  await openMailbox(world, bob, relays);
  await openMailbox(world, alice, relays);
  await exchangeGrants(world, alice, bob);
  world.kill(bob);
  await world.settle();
  const goOn = async (person: Person) => {
    const peer = world.run(person, { relays: relays.map(({ address }) => address) });
    await world.pass(MINUTE_MS);
    return peer;
  };
  return {
    world,
    alice,
    bob: bob.person,
    relays,
    /** From now on the two reach each other by mailbox alone. */
    part: () => world.network.part(alice.self.device, bob.self.device),
    /** Bob is back, and has read what there was. */
    bobBack: () => goOn(bob.person),
  };
}
