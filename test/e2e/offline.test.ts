import { describe, expect, test } from "vitest";
import { freePort } from "../../peer/sandbox/launch.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { aliceAndBob, type Person, strangers } from "../support/p2pchat.ts";
import type { Line } from "../support/program.ts";

const textsOf = (lines: readonly Line[]) => lines.filter(({ type }) => type === "message").map(({ text }) => text);

async function queuedBy(person: Person): Promise<unknown> {
  return (await person.ask(["outbox"])).line["items"];
}

describe("somebody who is not there", () => {
  test("gets the message as soon as both are, and meanwhile it is queued and says why", async () => {
    const { alice, bob, listening } = await aliceAndBob();
    const sender = await alice.listen();
    await alice.send("bob", "hello");
    await bob.send("alice", "hello");
    await listening.stop();
    const sent = await alice.send("bob", "for later", "--timeout", "3s");
    expect(sent).toMatchObject({ exit: 7, line: { state: "queued", devices: [{ state: "queued", path: null }] } });
    const { id } = sent.line;
    expect(await queuedBy(alice)).toMatchObject([{ id, to: "bob", state: "queued", error: "PEER_UNREACHABLE" }]);
    const recipient = await bob.listen();
    expect(await recipient.nextMessage("for later")).toMatchObject({ id, seq: 2 });
    await expect.poll(() => queuedBy(alice)).toEqual([]);
    expect(sender.isRunning).toBe(true);
  });

  test("gets it by `outbox retry`, which without a daemon stays until it is there", async () => {
    const { alice, bob } = await strangers();
    expect(await alice.send("bob", "for later", "--wait", "queued")).toMatchObject({ line: { state: "queued" } });
    const recipient = await bob.listen();
    expect(await alice.ask(["outbox", "retry"])).toMatchObject({ exit: 0, line: { retried: 1 } });
    await recipient.nextMessage("for later");
    expect(await queuedBy(alice)).toEqual([]);
  });

  test("gets what was queued before the next message, in the order of sending", async () => {
    const { alice, bob } = await strangers();
    for (const text of ["one", "two", "three"]) {
      expect(await alice.send("bob", text, "--wait", "queued")).toMatchObject({ exit: 0, line: { state: "queued" } });
    }
    const recipient = await bob.listen();
    expect(await alice.send("bob", "four")).toMatchObject({ exit: 0, line: { state: "stored" } });
    await recipient.nextMessage("four");
    expect(textsOf(recipient.seen)).toEqual(["one", "two", "three", "four"]);
  });

  test("never sees what was cancelled, and sees no gap in its place", async () => {
    const { alice, bob } = await strangers();
    const { line } = await alice.send("bob", "a mistake", "--wait", "queued");
    expect(await alice.ask(["outbox", "cancel", String(line.id)])).toMatchObject({ exit: 0, line: { cancelled: 1 } });
    const recipient = await bob.listen();
    await alice.send("bob", "the right one");
    await recipient.nextMessage("the right one");
    expect(recipient.seen.map(({ type }) => type)).toEqual(["ready", "message"]);
  });
});

describe("a sender killed with -9 right after `send --wait queued`", () => {
  test("delivers the message once it runs again, when a daemon took it", async () => {
    const { alice, bob } = await strangers();
    const sender = await alice.listen();
    expect(await alice.send("bob", "accepted", "--wait", "queued")).toMatchObject({ exit: 0 });
    await sender.kill9();
    const recipient = await bob.listen();
    await alice.listen();
    await recipient.nextMessage("accepted");
  });

  test("leaves a profile that the next command can use at once", async () => {
    const { alice, bob, listening } = await aliceAndBob();
    const sender = await alice.listen();
    await sender.kill9();
    expect(await alice.send("bob", "after the crash")).toMatchObject({ exit: 0, line: { state: "stored" } });
    await listening.kill9();
    expect(textsOf((await bob.run(["history", "alice", "--json"])).lines)).toEqual(["after the crash"]);
  });
});

describe("without the naming server", () => {
  test("people who know each other go on writing, and a new name says why it cannot be found", async () => {
    const { world, alice, bob, listening } = await aliceAndBob();
    await alice.send("bob", "before");
    await listening.nextMessage("before");
    await world.stopServer();
    expect(await alice.send("bob", "during")).toMatchObject({ exit: 0, line: { state: "stored" } });
    await listening.nextMessage("during");
    const answered = await bob.send("alice", "I hear you", "--timeout", "3s");
    expect(answered).toMatchObject({ exit: 7, line: { state: "queued" } });
    const unknown = await alice.send("carol", "hi", "--timeout", "3s");
    expect(unknown).toMatchObject({ exit: 3, line: { type: "error", code: "SERVER_UNREACHABLE" } });
    expect((await alice.run(["history", "carol", "--json"])).lines).toEqual([]);
    expect(await alice.ask(["status"])).toMatchObject({ exit: 0, line: { serverState: "SERVER_UNREACHABLE" } });
  });

  test("a listener starts, and publishes itself once the server is back", async () => {
    const { world, alice, bob, listening } = await aliceAndBob();
    await listening.stop();
    await world.stopServer();
    const again = await bob.listen();
    await world.startServer();
    await expect.poll(async () => (await bob.ask(["status"])).line["published"]).toBe(true);
    expect(await alice.send("bob", "found you")).toMatchObject({ exit: 0 });
    await again.nextMessage("found you");
  });
});

test("a recipient is found at a new address", async () => {
  const { alice, bob, listening } = await aliceAndBob();
  await alice.listen();
  await alice.send("bob", "here");
  await bob.send("alice", "yes");
  await listening.stop();
  expect(await alice.send("bob", "where are you", "--timeout", "3s")).toMatchObject({ exit: 7 });
  const moved = await bob.listen();
  expect(moved.seen[0]?.["addresses"]).not.toEqual(listening.seen[0]?.["addresses"]);
  await moved.nextMessage("where are you");
  expect(await alice.send("bob", "there")).toMatchObject({ exit: 0 });
});

test("a line that delivers every byte by itself delivers the message", async () => {
  const { alice, bob } = await strangers();
  const port = await freePort();
  await using proxy = await startFaultProxy({ host: "127.0.0.1", port }, { chop: true });
  const place = ["--host", "127.0.0.1", "--port", String(port), "--announce", `/ip4/127.0.0.1/tcp/${proxy.port}`];
  const listening = await bob.listen(place);
  const long = "b".repeat(10_000);
  expect(await alice.send("bob", long, "--timeout", "60s")).toMatchObject({ exit: 0, line: { state: "stored" } });
  await listening.nextMessage(long);
  expect(proxy.forwarded).toBeGreaterThan(0);
});

test("a second listener refuses at once and names the process of the first", async () => {
  const { bob, listening } = await aliceAndBob();
  expect(await bob.ask(["listen"])).toMatchObject({
    exit: 1,
    line: { type: "error", code: "PROFILE_BUSY", details: { pid: listening.pid } },
  });
  const { stderr } = await bob.run(["listen"]);
  expect(stderr).toContain(`process ${listening.pid} is using this profile`);
  expect(listening.isRunning).toBe(true);
});
