import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { canMount } from "../support/capabilities.ts";
import {
  acquaint,
  enqueue,
  hasDelivered,
  hasRelayed,
  type Listener,
  listen,
  listenWithMailbox,
  messagesOf,
  textsOf,
} from "../support/mail-people.ts";
import { startWorld, strangers, type World } from "../support/p2pchat.ts";
import { Relay, startRelays } from "../support/relay-in-world.ts";
import { mountSmallDisk } from "../support/system-faults.ts";

const CRASHES = 3;
/** Of a sender, at moments that nobody chose. */
const KILLS = 6;
const TIMEOUT_MS = 60_000;
/** Until it is left, on a machine that has much else to do. */
const LEFT = ["--wait", "relayed", "--timeout", "60s"] as const;

type Acquainted = {
  readonly world: World;
  readonly relays: readonly Relay[];
  readonly alice: Listener;
  readonly bob: Listener;
};

/** Alice and Bob listen, know each other, and have mailboxes at these relays. */
async function acquainted(world: World, relays: readonly Relay[]): Promise<Acquainted> {
  const two = await strangers(world);
  const [alice, bob] = await Promise.all([
    listenWithMailbox(two.alice, relays.length),
    listenWithMailbox(two.bob, relays.length),
  ]);
  await acquaint(alice, bob);
  await hasDelivered(bob);
  return { world, relays, alice, bob };
}

async function acquaintedAt(...names: readonly string[]): Promise<Acquainted> {
  const world = await startWorld();
  return acquainted(world, await startRelays(world, names));
}

async function answersOf(relays: readonly Relay[], answer: string): Promise<number> {
  const counts = await Promise.all(relays.map((relay) => relay.answered(answer)));
  return counts.reduce((sum, count) => sum + count, 0);
}

const depositedAt = (relays: readonly Relay[]) => answersOf(relays, "deposited");
/** How often an owner said that it has what lay in a box. */
const deletedAt = (relays: readonly Relay[]) => answersOf(relays, "deleted");

const messages = (count: number) => Array.from({ length: count }, (_, index) => `message ${index}`);

/** Handed over in turn; all that is known of their order is what the sender's history says. */
async function textsInOrder({ calls, person }: Listener, to: string): Promise<string[]> {
  const found = await calls.history({ with: to, limit: 2000 });
  return found.messages.filter(({ from, text }) => from === person.name && text !== "hello").map(({ text }) => text);
}

describe("somebody who is away", () => {
  test("finds the message in a mailbox, and the sender knows, though the two are never there together", async () => {
    const { relays, alice, bob } = await acquaintedAt("one", "two");
    const [atAlice, atBob] = [alice.person, bob.person];
    await Promise.all([alice.program.stop(), bob.program.stop()]);
    const device = String(bob.program.seen[0]?.["peerId"]);

    const left = await atAlice.send("bob", "for later", ...LEFT);
    expect(left).toMatchObject({
      exit: 0,
      line: { state: "relayed", devices: [{ device, state: "relayed", path: "mailbox" }] },
    });
    const unheard = await atAlice.send("bob", "too", "--timeout", "6s");
    expect(unheard).toMatchObject({ exit: 7, line: { state: "relayed", devices: [{ path: "mailbox" }] } });
    expect((await atAlice.ask(["outbox"])).line["items"]).toMatchObject([{ state: "relayed" }, { state: "relayed" }]);

    const before = await depositedAt(relays);
    const back = await listen(atBob);
    expect(await back.program.nextMessage("for later")).toMatchObject({ from: "alice", path: "mailbox" });
    expect(await back.program.nextMessage("too")).toMatchObject({ from: "alice", path: "mailbox" });
    expect((await atBob.ask(["status"])).line).toMatchObject({
      mailboxes: [{ open: true }, { open: true }],
      relays: [{ relay: expect.stringContaining("/p2p/") }, {}],
      outbox: { queued: 0, relayed: 0, failed: 0 },
    });
    await expect.poll(() => depositedAt(relays), { timeout: TIMEOUT_MS }).toBeGreaterThan(before);
    await back.program.stop();

    expect(atAlice.countRows("outbox")).toBeGreaterThan(0);
    const again = await listen(atAlice);
    await hasDelivered(again);
    expect((await atAlice.ask(["status"])).line).toMatchObject({ outbox: { queued: 0, relayed: 0, failed: 0 } });
    const history = (await atAlice.run(["history", "bob", "--json", "--limit", "2"])).lines;
    expect(history).toMatchObject([
      { text: "for later", path: "mailbox" },
      { text: "too", path: "mailbox" },
    ]);
    await (await listen(atBob)).program.stop();
    expect((await atBob.run(["history", "alice", "--json", "--limit", "3"])).lines.map(({ text }) => text)).toEqual([
      "hello",
      "for later",
      "too",
    ]);
  });

  test.each([
    [1000, "one relay", ["one"]],
    [200, "two relays in turn", ["one", "two"]],
  ])(
    "has %i messages, once and in order, though %s died three times meanwhile",
    async (count, _, names) => {
      const { relays, alice, bob } = await acquaintedAt(...names);
      await bob.program.stop();
      const texts = messages(count);
      const share = Math.ceil(count / (CRASHES + 1));
      for (let crash = 0; crash <= CRASHES; crash += 1) {
        const handedOver = enqueue(alice, "bob", texts.slice(crash * share, (crash + 1) * share));
        const relay = relays[crash % relays.length];
        if (crash < CRASHES) await Promise.all([handedOver, relay?.crash()]);
        else await handedOver;
      }
      await hasRelayed(alice, count, TIMEOUT_MS);
      const sent = await textsInOrder(alice, "bob");
      expect(sent.toSorted()).toEqual(texts.toSorted());
      await alice.program.stop();

      const back = await listen(bob.person);
      await back.program.until(() => messagesOf(back).length >= count, TIMEOUT_MS);
      expect(textsOf(back)).toEqual(sent);
      expect(new Set(messagesOf(back).map(({ path }) => path))).toEqual(new Set(["mailbox"]));
      expect(back.program.seen.map(({ type }) => type)).not.toContain("gap");
      await hasDelivered(await listen(alice.person));
      expect(textsOf(back)).toHaveLength(count);
    },
    180_000,
  );

  test("gets it from its sender where both mailboxes lost everything", async () => {
    const { relays, alice, bob } = await acquaintedAt("one", "two");
    await bob.program.stop();
    expect(await alice.person.send("bob", "kept", ...LEFT)).toMatchObject({ exit: 0 });
    for (const [index, relay] of relays.entries()) {
      await relay.program.kill9();
      relay.wipe(index === 0 ? "mailbox" : "everything");
      await relay.start();
    }
    expect((await alice.calls.outboxList()).items).toHaveLength(1);
    const back = await listen(bob.person);
    await back.program.nextMessage("kept");
    await hasDelivered(alice);
    expect(textsOf(back)).toEqual(["kept"]);
  });

  test("is written to at the other mailbox where one is frozen, and reads both in order", async () => {
    const { relays, alice, bob } = await acquaintedAt("one", "two");
    await Promise.all([alice.program.stop(), bob.program.stop()]);
    const before = await Promise.all(relays.map((relay) => relay.answered("deposited")));
    expect(await alice.person.send("bob", "one", ...LEFT)).toMatchObject({ exit: 0 });
    const after = await Promise.all(relays.map((relay) => relay.answered("deposited")));
    const frozen = relays[after[0] === before[0] ? 1 : 0];
    frozen?.program.signal("SIGSTOP");
    expect(await alice.person.send("bob", "two", ...LEFT)).toMatchObject({ exit: 0 });
    frozen?.program.signal("SIGCONT");
    const back = await listen(bob.person);
    await back.program.nextMessage("two");
    expect(textsOf(back)).toEqual(["one", "two"]);
  });

  test("is written to where the mailboxes are now, by somebody who knows of others only", async () => {
    const world = await startWorld();
    const relays = await startRelays(world, ["old", "new"]);
    const [before, after] = relays.map(({ address }) => ({ P2PCHAT_RELAYS: address }));
    const people = [world.person("alice", before), world.person("bob", before)] as const;
    await Promise.all(people.map((person) => person.register("--no-passphrase")));
    const [alice, bob] = await Promise.all(people.map((person) => listenWithMailbox(person, 1)));
    if (alice === undefined || bob === undefined) throw new Error("nobody listens");
    await acquaint(alice, bob);
    await Promise.all([alice.program.stop(), bob.program.stop(), relays[0]?.stop()]);
    const moved = await listenWithMailbox(world.person("bob", after), 1);
    await moved.program.stop();
    expect(await alice.person.send("bob", "found you", ...LEFT)).toMatchObject({
      exit: 0,
    });
    const back = await listen(moved.person);
    expect(await back.program.nextMessage("found you")).toMatchObject({ path: "mailbox" });
  });

  test("gets the rest from its sender where the mailbox was full", async () => {
    const world = await startWorld();
    const relays = await startRelays(world, ["small"], { args: ["--verbose", "--limits", "parcelsPerBox=1"] });
    const { alice, bob } = await acquainted(world, relays);
    await bob.program.stop();
    expect(await alice.person.send("bob", "fits", ...LEFT)).toMatchObject({ exit: 0 });
    const kept = await alice.person.send("bob", "does not", "--wait", "relayed", "--timeout", "4s");
    expect(kept).toMatchObject({ exit: 7, line: { state: "queued" } });
    const back = await listen(bob.person);
    await back.program.nextMessage("does not");
    expect(textsOf(back)).toEqual(["fits", "does not"]);
    await hasDelivered(alice);
  });

  test("gets messages from strangers, and none of somebody who is blocked", async () => {
    const { world, relays, alice, bob } = await acquaintedAt("one");
    const carol = await world.register("carol", "--no-passphrase");
    expect(await bob.person.ask(["contacts", "block", "alice"])).toMatchObject({ exit: 0 });
    await bob.program.stop();
    expect(await carol.send("bob", "we have not met", ...LEFT)).toMatchObject({ exit: 0 });
    expect(await alice.person.send("bob", "unwanted", ...LEFT)).toMatchObject({ exit: 0 });
    expect(await carol.send("bob", "and yet", ...LEFT)).toMatchObject({ exit: 0 });
    await alice.program.stop();
    const before = await deletedAt(relays);
    const back = await listen(bob.person);
    expect(await back.program.nextMessage("and yet")).toMatchObject({ from: "carol", path: "mailbox" });
    // what contacts leave lies in a box of its own
    await expect.poll(() => deletedAt(relays), { timeout: TIMEOUT_MS }).toBeGreaterThanOrEqual(before + 2);
    expect(textsOf(back)).toEqual(["we have not met", "and yet"]);
    expect((await bob.person.run(["history", "alice", "--json"])).lines.map(({ text }) => text)).not.toContain(
      "unwanted",
    );
  });

  test("gets a message once, however often the sender died on the way to the mailbox", async () => {
    const { alice, bob } = await acquaintedAt("one");
    await Promise.all([alice.program.stop(), bob.program.stop()]);
    const texts = messages(KILLS);
    for (const text of texts) {
      const args = ["send", "bob", "--json", "--wait", "relayed", "--id", text];
      const victim = alice.person.start(args, { stdin: text });
      const killed = setTimeout(() => victim.signal("SIGKILL"), 500 + Math.random() * 3000);
      await victim.outcome();
      clearTimeout(killed);
      expect(await alice.person.send("bob", text, ...LEFT, "--id", text)).toMatchObject({
        exit: 0,
        line: { state: "relayed" },
      });
    }
    const back = await listen(bob.person);
    await back.program.nextMessage(texts.at(-1) ?? "");
    await hasDelivered(await listen(alice.person));
    expect(textsOf(back)).toEqual(texts);
  });

  test("is written to, and reads, while the naming server is down", async () => {
    const world = await startWorld();
    const relays = await startRelays(world, ["one", "two"]);
    const { alice, bob } = await acquainted(world, relays);
    await bob.program.stop();
    await world.stopServer();
    const sent = await alice.person.send("bob", "without the server", ...LEFT);
    expect(sent).toMatchObject({ exit: 0, line: { state: "relayed" } });
    await alice.program.stop();
    expect(await alice.person.send("bob", "nor a daemon", ...LEFT)).toMatchObject({ exit: 0 });
    const back = await listen(bob.person);
    expect(await back.program.nextMessage("without the server")).toMatchObject({ path: "mailbox" });
    expect(await back.program.nextMessage("nor a daemon")).toMatchObject({ path: "mailbox" });
  });
});

describe.skipIf(!canMount())("a mailbox on a full disk", () => {
  test("takes nothing: the message stays with its sender, and is left there once there is room", async () => {
    const world = await startWorld();
    const disk = await mountSmallDisk(join(world.directory, "small"), "8m");
    const relay = new Relay(world, "small", { directory: join(disk.path, "relay"), wrapper: disk.wrapper });
    await relay.start();
    const { alice, bob } = await acquainted(world, [relay]);
    await bob.program.stop();
    disk.fill();
    const sent = await alice.person.send("bob", "kept", "--wait", "relayed", "--timeout", "4s");
    expect(sent).toMatchObject({ exit: 7, line: { state: "queued", devices: [{ path: null }] } });
    disk.free();
    await hasRelayed(alice, 1, TIMEOUT_MS);
    await alice.program.stop();
    const back = await listen(bob.person);
    expect(await back.program.nextMessage("kept")).toMatchObject({ path: "mailbox" });
  });
});
