import { describe, expect, test } from "vitest";
import { HostileAnswerer } from "../../../support/hostile-answerer.ts";
import { MessagingWorld } from "../../../support/messaging-world.ts";

/** Alice has a message for Bob, who is not there. */
async function waiting() {
  const world = new MessagingWorld();
  const { alice, bob } = await world.acquainted();
  world.kill(bob);
  await alice.send(bob, "waiting");
  await world.settle();
  const attempts = () => alice.store.outbox.open()[0]?.attempts ?? 0;
  return { world, alice, bob, attempts };
}

describe("retries", () => {
  test("become fewer, and never stop", async () => {
    const { world, attempts } = await waiting();
    expect(attempts()).toBe(1);
    await world.pass(60_000);
    const first = attempts();
    expect(first).toBeGreaterThanOrEqual(4);
    expect(first).toBeLessThan(20);
    await world.pass(60 * 60_000);
    const hour = attempts() - first;
    expect(hour).toBeGreaterThanOrEqual(12);
    expect(hour).toBeLessThan(80);
    await world.pass(24 * 60 * 60_000);
    const before = attempts();
    await world.pass(24 * 60 * 60_000);
    expect(attempts() - before).toBeGreaterThanOrEqual(20);
    expect(attempts() - before).toBeLessThan(150);
  });

  test("go on when the wall clock jumps", async () => {
    const { world, attempts } = await waiting();
    world.time.setClock(0);
    const before = attempts();
    await world.pass(30 * 60_000);
    expect(attempts()).toBeGreaterThan(before);
  });

  test("come at once when the user asks, when there is more to send, and when the device connects", async () => {
    const { world, alice, bob, attempts } = await waiting();
    await world.pass(60 * 60_000);
    let before = attempts();
    await alice.operations.outboxRetry({});
    await world.settle();
    expect(attempts()).toBe(before + 1);
    await world.pass(60 * 60_000);
    before = attempts();
    await alice.send(bob, "more");
    await world.settle();
    expect(attempts()).toBe(before + 1);
    const again = world.run(bob.person);
    await again.send(alice, "I am back");
    await world.settle();
    expect(again.inbox()).toEqual(["hello bob", "waiting", "more"]);
  });

  test("come soon, and not with every message, while a flood of them is queued", async () => {
    const { world, alice, bob } = await waiting();
    const before = world.network.connects;
    for (let count = 0; count < 50; count += 1) {
      await alice.send(bob, `more ${count}`);
      await world.settle();
    }
    expect(world.network.connects).toBe(before);
    await world.pass(1000);
    expect(world.network.connects - before).toBeGreaterThanOrEqual(1);
    expect(world.network.connects - before).toBeLessThan(5);
  });

  test("are not begun anew by connections that this side dials, so that a device that fails is not stormed", async () => {
    const { world, alice, bob } = await waiting();
    new HostileAnswerer(world, bob.person);
    const before = world.network.connects;
    world.network.judge = () => {
      world.network.cut(alice.self.device, bob.self.device);
      return "drop";
    };
    await world.pass(10 * 60_000);
    expect(world.network.connects - before).toBeLessThan(30);
  });

  test("come at once over a connection that came up while this side dialled in vain", async () => {
    const { world, alice, bob } = await waiting();
    await world.pass(20 * 60_000);
    const again = world.run(bob.person);
    // the next try waits for the record, which is too old to be used again, and Bob connects meanwhile
    world.skip(60_000);
    const held = world.directory.hold();
    const retried = alice.operations.outboxRetry({});
    await new Promise<void>((resolve) => void setImmediate(resolve));
    alice.delivery.connected(bob.self.device);
    world.network.part(alice.self.device, bob.self.device);
    const before = world.network.connects;
    held.release();
    await retried;
    await world.settle();
    expect(world.network.connects - before).toBe(2);
    expect(again.inbox()).toEqual(["hello bob"]);
  });

  test("end when there is nothing left to send", async () => {
    const { world, alice } = await waiting();
    const [row] = alice.store.outbox.open();
    alice.store.transaction(() => alice.store.outbox.remove(row?.id ?? 0));
    await world.pass(60_000);
    const before = world.network.connects;
    await world.pass(60 * 60_000);
    expect(world.network.connects).toBe(before);
    expect(world.time.timers).toBe(0);
  });
});

describe("a greeting", () => {
  test("brings what waits on the other side, with nothing to send on this one", async () => {
    const { world, alice, bob } = await waiting();
    await world.pass(60 * 60_000);
    const again = world.run(bob.person);
    expect(again.outbox()).toEqual([]);
    again.delivery.greet();
    await world.settle();
    expect(again.inbox()).toEqual(["hello bob", "waiting"]);
    expect(alice.outbox()).toEqual([]);
  });

  test("that fails costs nothing, and what is sent later goes at once", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    world.kill(bob);
    alice.delivery.greet();
    await world.pass(60_000);
    expect(world.time.timers).toBe(0);
    const again = world.run(bob.person);
    await alice.send(bob, "at once");
    await world.settle();
    expect(again.inbox()).toEqual(["hello bob", "at once"]);
  });

  test("goes to nobody who is blocked or was never written to", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const carol = await world.start("carol");
    await carol.send(bob, "I am new");
    await world.settle();
    await bob.operations.contactsBlock({ username: "alice", blocked: true });
    const again = world.restart(bob);
    const before = world.network.connects;
    again.delivery.greet();
    await world.settle();
    expect(world.network.connects).toBe(before);
    expect(alice.failures).toEqual([]);
  });
});

describe("a disk that fails under the outbox", () => {
  test("does not end the sender: it goes on when the disk does", async () => {
    const { world, alice, bob } = await waiting();
    const again = world.run(bob.person);
    const { queued } = alice.store.outbox;
    Object.assign(alice.store.outbox, {
      queued() {
        throw new Error("the disk is gone");
      },
    });
    await world.pass(60_000);
    expect(alice.failures.length).toBeGreaterThan(0);
    Object.assign(alice.store.outbox, { queued });
    await world.pass(10 * 60_000);
    expect(again.inbox()).toEqual(["hello bob", "waiting"]);
  });
});
