import { expect, test } from "vitest";
import { strangers } from "../support/p2pchat.ts";
import type { Program } from "../support/program.ts";

const told = (watch: Program, username: string, online: boolean) =>
  watch.next((line) => line.type === "presence" && line["username"] === username && line["online"] === online);

test("online --watch tells who is there, comes and goes, without a daemon and through one", async () => {
  const { alice, bob, world } = await strangers();
  const carol = await world.register("carol", "--no-passphrase");
  const listening = await bob.listen();
  const alone = alice.start(["online", "--watch", "--json"]);
  expect(await told(alone, "bob", true)).toMatchObject({ v: 1, initial: true, contact: false });
  const daemon = await carol.listen();
  expect(await told(alone, "carol", true)).toMatchObject({ initial: false });
  const through = carol.start(["online", "--watch", "--json"]);
  await told(through, "bob", true);
  await listening.stop();
  for (const watch of [alone, through]) await told(watch, "bob", false);
  alone.signal("SIGINT");
  expect(await alone.outcome()).toMatchObject({ code: 130, stderr: "" });
  through.signal("SIGINT");
  expect(await through.outcome()).toMatchObject({ code: 130, stderr: "" });
  await daemon.stop();
});

test("online --watch outlives a restart of the naming server", async () => {
  const { alice, bob, world } = await strangers();
  const watch = alice.start(["online", "--watch", "--json"]);
  const first = await world.register("carol", "--no-passphrase");
  await first.listen();
  await told(watch, "carol", true);
  await world.stopServer();
  await world.startServer();
  await bob.listen();
  expect(await told(watch, "bob", true)).toMatchObject({ initial: false });
  expect(watch.seen.filter(({ username }) => username === "carol")).toHaveLength(1);
});

test("listen --presence tells of contacts alone", async () => {
  const { alice, bob, world } = await strangers();
  await alice.send("bob", "hello", "--wait", "queued");
  const watching = await alice.listen(["--presence"]);
  const carol = await world.register("carol", "--no-passphrase");
  await carol.listen();
  const listening = await bob.listen();
  expect(await told(watching, "bob", true)).toEqual({ v: 1, type: "presence", username: "bob", online: true });
  await listening.stop();
  await told(watching, "bob", false);
  expect(watching.seen.filter(({ username }) => username === "carol")).toEqual([]);
});

test("who is hidden is on no list and has no address, but writes, and is reached once their contact is there", async () => {
  const { alice, world } = await strangers();
  const dave = await world.register("dave", "--no-passphrase", "--hidden");
  expect((await dave.ask(["presence"])).line).toMatchObject({ type: "visibility", visible: false });
  const hidden = await dave.listen();
  await alice.listen().then((listening) => listening.stop());
  await dave.send("alice", "it is me", "--wait", "queued");
  const listening = await alice.listen();
  await listening.nextMessage("it is me");
  expect(await alice.send("dave", "I see you not", "--timeout", "60s")).toMatchObject({ exit: 0 });
  await hidden.nextMessage("I see you not");
  expect((await alice.ask(["lookup", "dave"])).line).toMatchObject({ online: false });
  expect((await alice.ask(["online"])).line).toMatchObject({ online: [{ username: "alice" }] });
  expect((await dave.ask(["status"])).line).toMatchObject({ hidden: true, published: false });
});

test("presence goes off and on again under a daemon, at once and for good", async () => {
  const { alice, bob } = await strangers();
  const listening = await bob.listen();
  const watch = alice.start(["online", "--watch", "--json"]);
  await told(watch, "bob", true);
  expect((await bob.ask(["presence", "off"])).line).toEqual({
    v: 1,
    type: "visibility",
    visible: false,
    published: false,
  });
  await told(watch, "bob", false);
  expect((await bob.ask(["presence", "on"])).line).toMatchObject({ visible: true, published: true });
  await told(watch, "bob", true);
  await bob.ask(["presence", "off"]);
  await listening.stop();
  const again = await bob.listen();
  expect((await bob.ask(["presence"])).line).toMatchObject({ visible: false, published: false });
  await again.stop();
  expect(watch.seen.map(({ online }) => online)).toEqual([true, false, true, false]);
  expect(await bob.ask(["presence", "perhaps"])).toMatchObject({ exit: 1, line: { code: "USAGE" } });
});

test("a listener that is killed is off the list within a minute, without a word", { timeout: 120_000 }, async () => {
  const { alice, bob } = await strangers();
  const listening = await bob.listen();
  const watch = alice.start(["online", "--watch", "--json"]);
  await told(watch, "bob", true);
  const killedAt = performance.now();
  listening.signal("SIGKILL");
  await watch.next((line) => line["username"] === "bob" && line["online"] === false, 70_000);
  expect(performance.now() - killedAt).toBeLessThan(60_000);
});
