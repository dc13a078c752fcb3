import { describe, expect, test } from "vitest";
import type { Frame } from "../../../shared/frames.ts";
import { expectAtRest, typesBetween } from "../../support/messaging-checks.ts";
import { MessagingWorld } from "../../support/messaging-world.ts";

describe("delivery between two people", () => {
  test("brings messages to both, once and in order", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const texts = Array.from({ length: 40 }, (_, index) => `message ${index}`);
    await Promise.all(texts.flatMap((text) => [alice.send(bob, text), bob.send(alice, text)]));
    await world.settle();
    expect(bob.inbox()).toEqual(["hello bob", ...texts]);
    expect(alice.inbox()).toEqual(["hello alice", ...texts]);
    expectAtRest(alice, bob);
  });

  test("answers a send that waits once the message is stored", async () => {
    const world = new MessagingWorld();
    const { alice } = await world.acquainted();
    const result = await alice.operations.send({ to: "bob", text: "there?", wait: "stored", timeoutMs: 10_000 });
    expect(result).toMatchObject({ state: "stored", devices: [{ state: "stored", path: "direct" }] });
  });

  test("opens a session with two frames before the first message, and heals with the first reply", async () => {
    const world = new MessagingWorld();
    const [alice, bob] = [await world.start("alice"), await world.start("bob")];
    await alice.send(bob, "hi");
    await world.settle();
    expect(typesBetween(world, alice)).toEqual(["hello", "open", "message"]);
    await bob.send(alice, "hi too");
    await world.settle();
    expect(typesBetween(world, bob)).toEqual(["hello", "opened", "ack", "hello", "commit", "message"]);
    expect(world.directory.claims).toBe(1);
  });

  test("keeps what is sent while the recipient is away, and delivers it when they connect", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    world.kill(bob);
    await alice.send(bob, "while you were out");
    await world.pass(60 * 60_000);
    expect(alice.outbox()).toMatchObject([{ state: "queued", error: "PEER_UNREACHABLE" }]);
    const again = world.run(bob.person);
    again.delivery.greet();
    await world.settle();
    expect(again.inbox()).toEqual(["hello bob", "while you were out"]);
    expectAtRest(alice, again);
  });

  test("delivers a message to a lane that was silent for an hour at once", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    await world.pass(60 * 60_000);
    const connects = world.network.connects;
    await alice.send(bob, "still there");
    await world.settle();
    expect(bob.inbox()).toEqual(["hello bob", "still there"]);
    expect(world.network.connects).toBe(connects);
    expectAtRest(alice, bob);
  });

  test("sends what was stored before it was killed", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    world.network.part(alice.self.device, bob.self.device);
    await alice.send(bob, "sent, then killed");
    const again = world.restart(alice);
    world.network.join(alice.self.device, bob.self.device);
    await world.settle();
    expect(bob.inbox()).toEqual(["hello bob", "sent, then killed"]);
    expectAtRest(again, bob);
  });

  test("shows once what was stored just before the recipient was killed, its ack unsent", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    world.network.judge = ({ frame }) => (frame?.type === "ack" ? "cut" : "pass");
    await alice.send(bob, "once");
    await world.settle();
    expect(alice.outbox()).toMatchObject([{ state: "queued" }]);
    const again = world.restart(bob);
    world.network.judge = () => "pass";
    await world.pass(5 * 60_000);
    expect(again.inbox()).toEqual(["hello bob", "once"]);
    expectAtRest(alice, again);
  });

  test("acknowledges nothing before it is on disk", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    let storedFirst: boolean | undefined;
    world.network.judge = ({ frame }) => {
      if (frame?.type === "ack")
        storedFirst = frame.envelopeIds.every((id) => bob.store.inbox.hasEnvelope(alice.self.device, id));
      return "pass";
    };
    await alice.send(bob, "on disk");
    await world.settle();
    expect(storedFirst).toBe(true);
  });

  test("survives a silent partition in the middle of a stream, both ways", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const texts = Array.from({ length: 100 }, (_, index) => `message ${index}`);
    let frames = 0;
    world.network.judge = ({ frame }) => {
      frames += 1;
      if (frames === 60) world.network.part(alice.self.device, bob.self.device);
      return frame === undefined ? "drop" : "pass";
    };
    await Promise.all(texts.flatMap((text) => [alice.send(bob, text), bob.send(alice, text)]));
    await world.pass(60_000);
    world.network.join(alice.self.device, bob.self.device);
    await world.pass(5 * 60_000);
    expect(bob.inbox()).toEqual(["hello bob", ...texts]);
    expect(alice.inbox()).toEqual(["hello alice", ...texts]);
    expectAtRest(alice, bob);
  });

  test("keeps at most 64 messages under way", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    let [underWay, most] = [0, 0];
    world.network.judge = ({ frame }) => {
      if (frame?.type === "message") underWay += 1;
      if (frame?.type === "ack") underWay -= frame.envelopeIds.length;
      most = Math.max(most, underWay);
      return "pass";
    };
    await Promise.all(Array.from({ length: 300 }, (_, index) => alice.send(bob, `message ${index}`)));
    await world.settle();
    expect(bob.inbox()).toHaveLength(301);
    expect(most).toBeLessThanOrEqual(64);
    expect(most).toBeGreaterThan(16);
  });

  test("sends nothing under a commit that is not acknowledged", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const pending = new Map<string, boolean>();
    const broken: string[] = [];
    world.network.judge = ({ from, to, frame }) => {
      if (frame?.type === "commit") pending.set(from, true);
      if (frame?.type === "committed") pending.set(to, false);
      if (frame?.type === "message" && pending.get(from)) broken.push(from);
      return "pass";
    };
    for (let count = 0; count < 130; count += 1) await alice.send(bob, `message ${count}`);
    await world.settle();
    expect(typesBetween(world, alice).filter((type) => type === "commit").length).toBeGreaterThanOrEqual(2);
    expect(broken).toEqual([]);
    expectAtRest(alice, bob);
  });

  test("lets nothing past a message that was lost on the way, a commit in between or not", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const texts = Array.from({ length: 60 }, (_, index) => `message ${index}`);
    // the chunk that begins here makes the fifty after which a session heals
    const before = texts.slice(0, 34);
    await Promise.all(before.map((text) => alice.send(bob, text)));
    await world.settle();
    let lost = false;
    world.network.judge = ({ frame }) => {
      if (lost || frame?.type !== "message") return "pass";
      lost = true;
      return "drop";
    };
    await Promise.all(texts.slice(before.length).map((text) => alice.send(bob, text)));
    await world.pass(5 * 60_000);
    expect(bob.inbox()).toEqual(["hello bob", ...texts]);
    expectAtRest(alice, bob);
  });

  test("stops at once, whatever it is waiting for", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const losing = (type: Frame["type"]) => () => {
      world.network.judge = ({ frame }) => (frame?.type === type ? "drop" : "pass");
    };
    const waits: (() => void)[] = [
      () => world.network.part(alice.self.device, bob.self.device),
      losing("hello"),
      losing("committed"),
      losing("ack"),
      () => void world.directory.hold(),
    ];
    let peer = alice;
    for (const wait of waits) {
      world.network.join(alice.self.device, bob.self.device);
      world.network.judge = () => "pass";
      await world.pass(60_000);
      wait();
      const sending = peer.send(bob, "stopping").catch(() => undefined);
      for (let turn = 0; turn < 20; turn += 1) await new Promise<void>((resolve) => void setImmediate(resolve));
      await peer.stop();
      void sending;
      peer = world.run(alice.person);
    }
  });
});
