import { expect, test } from "vitest";
import { Box } from "../support/sandbox-box.ts";

test("a cut link carries nothing, either way, while others do; healed, it delivers once", async () => {
  const box = await Box.start("--peers", "3");
  await box.deliver("alice", "bob", "zero");
  box.order("cut alice bob");
  expect(await box.send("alice", "bob", "one")).toBe("queued");
  expect(await box.send("bob", "alice", "two")).toBe("queued");
  await box.deliver("carol", "bob", "three");
  await box.deliver("alice", "carol", "four");
  expect([box.count("bob", "one"), box.count("alice", "two")]).toEqual([0, 0]);
  box.order("heal alice bob");
  await Promise.all([box.shown("bob", "one"), box.shown("alice", "two")]);
  await box.deliver("alice", "bob", "five");
  expect([box.count("bob", "one"), box.count("alice", "two")]).toEqual([1, 1]);
});

test("what is dropped arrives once it is healed, and a delay holds for every way there and back", async () => {
  const box = await Box.start();
  await box.deliver("alice", "bob", "zero");
  box.order("drop alice bob");
  expect(await box.send("alice", "bob", "one")).toBe("queued");
  expect(box.count("bob", "one")).toBe(0);
  box.order("heal");
  await box.shown("bob", "one");
  await box.deliver("bob", "alice", "two");
  expect(box.count("bob", "one")).toBe(1);
  // There and back takes longer than an order waits.
  box.order("delay alice bob 1500ms");
  expect(await box.send("alice", "bob", "three")).toBe("queued");
  await box.shown("bob", "three");
});

test("who is frozen, stopped or killed takes nothing in, and gets what waits when that is over", async () => {
  const box = await Box.start();
  const bob = async () => (await box.status()).stations.find(({ name }) => name === "bob");
  const [{ pid = null } = {}] = [await bob()];
  box.order("freeze bob");
  expect(await bob()).toEqual({ name: "bob", state: "frozen", pid });
  expect(await box.send("alice", "bob", "frozen")).toBe("queued");
  expect(box.count("bob", "frozen")).toBe(0);
  box.order("thaw bob");
  await box.shown("bob", "frozen");
  expect(await bob()).toEqual({ name: "bob", state: "running", pid });
  for (const verb of ["stop", "kill"]) {
    box.order("freeze bob", `${verb} bob`);
    expect(await bob()).toEqual({ name: "bob", state: "stopped", pid: null });
    expect(await box.send("alice", "bob", verb)).toBe("queued");
    await box.send("bob", "alice", `after ${verb}`);
    box.order("start bob");
    await Promise.all([box.shown("bob", verb), box.shown("alice", `after ${verb}`)]);
  }
  // A message may be shown again after a kill; it is there once.
  const { lines } = await box.run("bob", "history", "alice");
  const received = lines.filter(({ from }) => from === "alice");
  expect(received.map(({ text }) => text)).toEqual(["frozen", "stop", "kill"]);
});

test("without the naming server people who know each other write on, and it comes back under its URL", async () => {
  const box = await Box.start();
  await box.deliver("alice", "bob", "zero");
  box.order("stop server");
  await box.deliver("alice", "bob", "one");
  expect((await box.run("alice", "lookup", "bob")).lines).toMatchObject([{ code: "SERVER_UNREACHABLE" }]);
  box.order("start server");
  await box.status();
  expect((await box.run("alice", "lookup", "bob")).lines).toMatchObject([{ type: "record" }]);
  box.order("cut alice server");
  await box.status();
  expect((await box.run("alice", "lookup", "bob")).lines).toMatchObject([{ code: "SERVER_UNREACHABLE" }]);
  expect((await box.run("bob", "lookup", "alice")).lines).toMatchObject([{ type: "record" }]);
});

test("a process that ends by itself is told of, and can be started again", async () => {
  const box = await Box.start();
  const { stations } = await box.status();
  const bob = stations.find(({ name }) => name === "bob")?.pid;
  process.kill(Number(bob), "SIGKILL");
  expect(await box.next("sandbox-ended")).toMatchObject({ name: "bob", exitCode: null, signal: "SIGKILL" });
  box.order("start bob");
  await box.deliver("alice", "bob", "one");
});

test("where the straight way is cut, a relay helps; where that is cut too, nothing does", async () => {
  const box = await Box.start("--relays", "1");
  box.order("cut alice bob", "cut alice relay1");
  expect(await box.send("alice", "bob", "one")).toBe("queued");
  box.order("heal alice relay1");
  await box.shown("bob", "one");
  expect((await box.status()).faults).toMatchObject([{ between: ["alice", "bob"], cut: true }]);
});
