import { describe, expect, test } from "vitest";
import type { Frame } from "../../../../shared/frames.ts";
import { Generations } from "../../../support/generations.ts";
import type { MessagingPeer } from "../../../support/messaging-peer.ts";
import { MessagingWorld } from "../../../support/messaging-world.ts";

function sessionsWith(peer: MessagingPeer, other: MessagingPeer) {
  return peer.store.sessions.forDevice(other.self.device).map(({ id }) => Buffer.from(id).toString("hex"));
}

/** The sessions on which messages arrived since then. */
function used(world: MessagingWorld, since: number) {
  const ids = world.network.arrived
    .slice(since)
    .flatMap(({ frame }) => (frame?.type === "message" ? [Buffer.from(frame.sessionId).toString("hex")] : []));
  return [...new Set(ids)];
}

function countOf(world: MessagingWorld, type: Frame["type"]): number {
  return world.network.arrived.filter(({ frame }) => frame?.type === type).length;
}

describe("both sides at once", () => {
  test("open: both sessions stay readable, and both send on that of the smaller device id", async () => {
    const world = new MessagingWorld();
    const [alice, bob] = [await world.start("alice"), await world.start("bob")];
    await alice.core.resolver.resolve(bob.person.username);
    await bob.core.resolver.resolve(alice.person.username);
    const held = world.directory.hold();
    await Promise.all([alice.send(bob, "from alice"), bob.send(alice, "from bob")]);
    await world.settle();
    held.release();
    await world.settle();
    expect(bob.inbox()).toEqual(["from alice"]);
    expect(alice.inbox()).toEqual(["from bob"]);
    expect(sessionsWith(alice, bob)).toHaveLength(2);
    expect(new Set(sessionsWith(alice, bob))).toEqual(new Set(sessionsWith(bob, alice)));
    const since = world.network.arrived.length;
    for (let count = 0; count < 3; count += 1) {
      await Promise.all([alice.send(bob, `alice ${count}`), bob.send(alice, `bob ${count}`)]);
      await world.settle();
    }
    const smaller = alice.self.device < bob.self.device ? alice : bob;
    const [own] = smaller.store.sessions
      .forDevice((smaller === alice ? bob : alice).self.device)
      .filter((one) => one.opener);
    expect(used(world, since)).toEqual([Buffer.from(own?.id ?? []).toString("hex")]);
  });

  test("commit: the opener's commit holds, and the other side heals after it", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    world.network.cut(alice.self.device, bob.self.device);
    let lost = false;
    world.network.judge = ({ frame, from }) => {
      if (lost || frame?.type !== "commit" || from !== alice.self.device) return "pass";
      lost = true;
      return "cut";
    };
    await alice.send(bob, "from alice");
    await world.settle();
    await bob.send(alice, "from bob");
    await world.pass(30_000);
    const refused = world.network.arrived.filter(({ frame }) => frame?.type === "committed" && !frame.applied);
    expect(refused).toHaveLength(1);
    expect(bob.inbox()).toEqual(["hello bob", "from alice"]);
    expect(alice.inbox()).toEqual(["hello alice", "from bob"]);
    const [session] = alice.store.sessions.forDevice(bob.self.device);
    const live = session && alice.sessions.restore(session.state);
    // first reply, the opener's commit, the other's
    expect(live).toMatchObject({ epoch: 4, pendingCommit: undefined });
  });

  test("commit: a side with nothing to send any more brings its commit to the one that waits for it", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    world.network.cut(alice.self.device, bob.self.device);
    // Alice, who opened the session, commits; it is lost, and what she had to send fails
    world.network.judge = ({ frame }) => (frame?.type === "commit" ? "cut" : "pass");
    const { id } = await alice.send(bob, "taken back");
    await world.settle();
    const device = bob.self.device;
    const pending = () => alice.core.book.forSending(device, alice.self.device)?.session.pendingCommit;
    expect(pending()).toBeDefined();
    for (const row of alice.store.outbox.ofMessage(Buffer.from(id, "hex"))) {
      alice.store.transaction(() => alice.store.outbox.markFailed(row.id, "QUOTA", undefined));
    }
    await world.pass(10 * 60_000);
    world.network.judge = () => "pass";
    await bob.send(alice, "from bob");
    await world.settle();
    expect(alice.inbox()).toEqual(["hello alice", "from bob"]);
    expect(pending()).toBeUndefined();
  });
});

describe("a commit whose answer is lost", () => {
  test("is sent again and acknowledged again", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    world.network.cut(alice.self.device, bob.self.device);
    let losses = 1;
    world.network.judge = ({ frame }) => {
      if (frame?.type !== "committed" || losses === 0) return "pass";
      losses -= 1;
      return "cut";
    };
    await alice.send(bob, "after all");
    await world.pass(60_000);
    expect(bob.inbox()).toEqual(["hello bob", "after all"]);
    expect(countOf(world, "open")).toBe(1);
  });

  test("does not cost the session when the other side writes in the new epoch first", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    world.network.cut(alice.self.device, bob.self.device);
    world.network.judge = ({ frame, from }) =>
      frame?.type === "committed" && from === bob.self.device ? "cut" : "pass";
    await alice.send(bob, "later");
    await world.settle();
    expect(alice.core.book.forSending(bob.self.device, alice.self.device)?.session.pendingCommit).toBeDefined();
    await bob.send(alice, "in the new epoch");
    await world.settle();
    expect(alice.inbox()).toEqual(["hello alice", "in the new epoch"]);
    world.network.judge = () => "pass";
    await world.pass(60_000);
    expect(bob.inbox()).toEqual(["hello bob", "later"]);
    expect(countOf(world, "open")).toBe(1);
    expect([...alice.failures, ...bob.failures]).toEqual([]);
  });
});

describe("state that is lost", () => {
  test("on the recipient's side: asks for a new session, and the same messages arrive once", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    bob.store.transaction(() => bob.store.sessions.closeAll());
    const again = world.restart(bob);
    await alice.send(again, "on a new session");
    await world.settle();
    expect(again.inbox()).toEqual(["hello bob", "on a new session"]);
    expect(countOf(world, "reset")).toBe(1);
    expect(sessionsWith(alice, bob)).toHaveLength(1);
  });

  test("on the sender's side: opens a new session", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    alice.store.transaction(() => alice.store.sessions.closeAll());
    const again = world.restart(alice);
    await again.send(bob, "on a new session");
    await world.settle();
    await bob.send(again, "which is answered");
    await world.settle();
    expect(bob.inbox()).toEqual(["hello bob", "on a new session"]);
    expect(again.inbox()).toEqual(["hello alice", "which is answered"]);
    expect([...again.outbox(), ...bob.outbox()]).toEqual([]);
  });

  test("between a Welcome and its answer: sends the Welcome again after a restart", async () => {
    const world = new MessagingWorld();
    const [alice, bob] = [await world.start("alice"), await world.start("bob")];
    world.network.judge = ({ frame }) => (frame?.type === "opened" ? "cut" : "pass");
    await alice.send(bob, "first");
    await world.settle();
    const again = world.restart(alice);
    world.network.judge = () => "pass";
    await world.pass(60_000);
    expect(bob.inbox()).toEqual(["first"]);
    expect(again.outbox()).toEqual([]);
    expect(world.directory.claims).toBe(1);
    expect(sessionsWith(bob, again)).toHaveLength(1);
    expect(again.store.sessions.forDevice(bob.self.device)[0]?.welcome).toBeUndefined();
  });
});

describe("no key of a session encrypts twice", () => {
  const moments: Frame["type"][] = ["open", "message", "commit", "committed", "ack"];
  test.each(moments)("when the sender is killed at a %s", async (type) => {
    const world = new MessagingWorld();
    const generations = new Generations();
    const options = { wrapSessions: generations.watch };
    const bob = await world.start("bob");
    let alice = await world.start("alice", options);
    let killed = false;
    world.network.judge = (passing) => {
      generations.leaves(passing);
      if (killed || passing.frame?.type !== type) return "pass";
      killed = true;
      queueMicrotask(() => {
        alice = world.restart(alice, options);
      });
      return "drop";
    };
    for (let count = 0; count < 5; count += 1) await alice.send(bob, `before ${count}`).catch(() => undefined);
    await world.settle();
    // a second lane, which begins with a commit
    world.network.cut(alice.self.device, bob.self.device);
    for (let count = 0; count < 5; count += 1) await alice.send(bob, `after ${count}`).catch(() => undefined);
    await world.pass(10 * 60_000);
    expect(killed).toBe(true);
    expect(generations.reused).toEqual([]);
    expect(alice.outbox()).toEqual([]);
    expect(bob.inbox()).toEqual([...new Set(bob.inbox())]);
  });

  test("has saved the session's state before its bytes leave", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const behind: number[] = [];
    world.network.judge = ({ from, frame }) => {
      if (frame?.type !== "message" || from !== alice.self.device) return "pass";
      const [stored] = alice.store.sessions.forDevice(bob.self.device);
      const saved = stored && alice.sessions.restore(stored.state).sentInEpoch;
      const live = alice.core.book.forSending(bob.self.device, alice.self.device)?.session.sentInEpoch;
      if (saved === undefined || saved !== live) behind.push(saved ?? -1);
      return "pass";
    };
    for (let count = 0; count < 20; count += 1) await alice.send(bob, `message ${count}`);
    await world.settle();
    expect(behind).toEqual([]);
  });
});

describe("healing", () => {
  test("comes with every new lane, after 50 messages, and after an hour", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const commits = () => countOf(world, "commit");
    const begin = commits();
    await alice.send(bob, "same lane");
    await world.settle();
    expect(commits()).toBe(begin);
    world.network.cut(alice.self.device, bob.self.device);
    await alice.send(bob, "new lane");
    await world.settle();
    expect(commits()).toBe(begin + 1);
    await world.pass(60 * 60_000 + 1);
    await alice.send(bob, "an hour later");
    await world.settle();
    expect(commits()).toBe(begin + 2);
    for (let count = 0; count < 52; count += 1) {
      await alice.send(bob, `many ${count}`);
      await world.settle();
    }
    expect(commits()).toBe(begin + 3);
  });
});
