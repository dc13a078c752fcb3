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
