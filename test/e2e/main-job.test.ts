import { describe, expect, test } from "vitest";
import { LIMITS } from "../../shared/protocol.ts";
import { aliceAndBob, startWorld } from "../support/p2pchat.ts";

const PEER_ID = expect.stringMatching(/^12D3KooW\w{44}$/);
const FINGERPRINT = expect.stringMatching(/^([0-9a-f]{4} ){15}[0-9a-f]{4}$/);
const MESSAGE_ID = expect.stringMatching(/^[0-9a-f]{32}$/);
const INSTANT = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

test("two people register, one listens, the other sends, and both have it in their history", async () => {
  const world = await startWorld();
  const alice = world.person("alice");
  const registered = await alice.ask(["register", "alice", "--server", world.url, "--no-passphrase"]);
  const identity = {
    username: "alice",
    peerId: PEER_ID,
    fingerprint: FINGERPRINT,
    server: world.url,
    profile: "alice",
  };
  expect(registered).toMatchObject({ exit: 0, line: { v: 1, type: "registered", ...identity } });
  const bob = await world.register("bob", "--no-passphrase");
  const listening = await bob.listen();
  expect(listening.seen[0]).toEqual({
    v: 1,
    type: "ready",
    username: "bob",
    peerId: PEER_ID,
    addresses: expect.arrayContaining([expect.stringMatching(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3KooW/)]),
  });

  const sent = await alice.ask(["send", "bob", "hi"]);
  const device = listening.seen[0]?.["peerId"];
  expect(sent.exit).toBe(0);
  expect(sent.line).toEqual({
    v: 1,
    type: "send",
    id: MESSAGE_ID,
    to: "bob",
    state: "stored",
    devices: [{ device, state: "stored", path: "direct" }],
  });
  const { id } = sent.line;
  const message = {
    v: 1,
    type: "message",
    id,
    from: "alice",
    text: "hi",
    sentAt: INSTANT,
    receivedAt: INSTANT,
    seq: 1,
    path: "direct",
  };
  const shown = await listening.nextMessage("hi");
  expect(shown).toEqual({ ...message, verified: false, cursor: 1 });

  const answered = await bob.ask(["send", "alice", "hello", "--wait", "queued"]);
  expect(answered).toMatchObject({ exit: 0, line: { to: "alice", state: "queued" } });
  const hello = { ...message, id: answered.line.id, from: "bob", text: "hello" };
  const back = await alice.listen();
  expect(await back.nextMessage("hello")).toEqual({ ...hello, verified: false, cursor: 1 });

  const [ours, theirs] = await Promise.all([
    alice.run(["history", "bob", "--json"]),
    bob.run(["history", "alice", "--json"]),
  ]);
  expect(ours.lines).toEqual([
    { ...message, verified: true, cursor: 0, direction: "out" },
    { ...hello, verified: false, cursor: 1, direction: "in" },
  ]);
  expect(theirs.lines).toEqual([
    { ...shown, direction: "in" },
    { ...hello, verified: true, cursor: 0, direction: "out" },
  ]);
  expect(await alice.ask(["whoami"])).toMatchObject({ exit: 0, line: { v: 1, type: "whoami", ...identity } });
  expect((await alice.ask(["lookup", "bob"])).line).toEqual({
    v: 1,
    type: "record",
    username: "bob",
    fingerprint: FINGERPRINT,
    seq: 1,
    devices: [device],
    online: true,
    pinned: true,
  });
  expect((await alice.ask(["online"])).line).toMatchObject({
    type: "online",
    online: expect.arrayContaining([{ username: "bob", devices: [device], contact: true }]),
  });
  expect((await bob.ask(["status"])).line).toMatchObject({
    type: "status",
    daemon: { pid: listening.pid },
    serverState: "ok",
    published: true,
    outbox: { queued: 0, failed: 0 },
    contacts: 1,
  });
  expect(await listening.stop()).toMatchObject({ code: 0, stderr: "" });
});

test("both see the same safety number, and comparing it marks the contact verified", async () => {
  const { alice, bob, listening } = await aliceAndBob();
  await alice.send("bob", "hi");
  await listening.nextMessage("hi");
  const [ours, theirs] = await Promise.all([alice.ask(["verify", "bob"]), bob.ask(["verify", "alice"])]);
  expect(ours.line["safetyNumber"]).toMatch(/^\d{60}$/);
  expect(theirs.line["safetyNumber"]).toBe(ours.line["safetyNumber"]);
  const number = String(ours.line["safetyNumber"]);
  const wrong = await bob.ask(["verify", "alice", number.replace(/^./, (digit) => (digit === "0" ? "1" : "0"))]);
  expect(wrong).toMatchObject({ exit: 4, line: { type: "error", code: "SAFETY_NUMBER_MISMATCH" } });
  const groups = number.match(/.{5}/g) ?? [];
  expect(await bob.ask(["verify", "alice", ...groups])).toMatchObject({ exit: 0, line: { verified: true } });
  await alice.send("bob", "again");
  expect(await listening.nextMessage("again")).toMatchObject({ verified: true });
});

describe("what is sent", () => {
  test("comes from an argument, from standard input, or from standard input by a lone dash", async () => {
    const { alice, listening } = await aliceAndBob();
    await alice.run(["send", "bob", "an argument"], { stdin: "never read" });
    await alice.run(["send", "bob"], { stdin: "piped\n" });
    await alice.run(["send", "bob", "-"], { stdin: "two\nlines\r\n" });
    await alice.run(["send", "bob", "--", "--json"]);
    await alice.run(["send", "--", "bob", "-5"]);
    await listening.nextMessage("-5");
    const texts = listening.seen.filter(({ type }) => type === "message").map(({ text }) => text);
    expect(texts).toEqual(["an argument", "piped", "two\nlines", "--json", "-5"]);
  });

  test("is up to 15 KiB of UTF-8, whatever characters it has", async () => {
    const { alice, listening } = await aliceAndBob();
    const long = "é".repeat(LIMITS.textMaxBytes / 2);
    expect(await alice.send("bob", long)).toMatchObject({ exit: 0 });
    expect(await listening.nextMessage(long)).toMatchObject({ from: "alice" });
    const odd = '{"v":1}\u0000\u0085\u2028\uFEFF 👩‍👩‍👧 "quoted" \\';
    expect(await alice.send("bob", odd)).toMatchObject({ exit: 0 });
    expect(await listening.nextMessage(odd)).toMatchObject({ from: "alice" });
  });

  test("is refused before anything is stored when it is too large, empty or not UTF-8", async () => {
    const { alice } = await aliceAndBob();
    const refusals: [string | Uint8Array, string][] = [
      ["x".repeat(LIMITS.textMaxBytes + 1), "MESSAGE_TOO_LARGE"],
      ["x".repeat(1 << 20), "MESSAGE_TOO_LARGE"],
      ["", "MESSAGE_EMPTY"],
      ["\n", "MESSAGE_EMPTY"],
      [Uint8Array.of(0x68, 0x69, 0xff), "MESSAGE_NOT_TEXT"],
    ];
    for (const [stdin, code] of refusals) {
      expect(await alice.ask(["send", "bob"], { stdin })).toMatchObject({ exit: 1, line: { type: "error", code } });
    }
    expect((await alice.ask(["outbox"])).line["items"]).toEqual([]);
    expect((await alice.run(["history", "bob", "--json"])).lines).toEqual([]);
  });

  test("arrives once under one --id, however often it is sent, and the same key for another text is refused", async () => {
    const { alice, listening } = await aliceAndBob();
    const first = await alice.send("bob", "once", "--id", "backup-1");
    const second = await alice.send("bob", "once", "--id", "backup-1");
    expect(second).toMatchObject({ exit: 0, line: { id: first.line.id, state: "stored" } });
    const other = await alice.send("bob", "twice", "--id", "backup-1");
    expect(other).toMatchObject({ exit: 1, line: { type: "error", code: "ID_CONFLICT" } });
    await alice.send("bob", "last");
    await listening.nextMessage("last");
    expect(listening.seen.filter(({ type }) => type === "message").map(({ text }) => text)).toEqual(["once", "last"]);
  });
});

test("a listener that starts again shows what it has not shown, and with --since what it has", async () => {
  const { alice, bob, listening } = await aliceAndBob();
  await alice.listen();
  await alice.send("bob", "one");
  await alice.send("bob", "two");
  await bob.send("alice", "so that bob dials in when he starts");
  const { cursor } = (await listening.nextMessage("one")) as { cursor?: number };
  await listening.nextMessage("two");
  await listening.stop();
  await alice.send("bob", "three", "--wait", "queued");
  const again = await bob.listen();
  await again.nextMessage("three");
  expect(again.seen.map(({ text }) => text)).toEqual([undefined, "three"]);
  await again.stop();
  const since = await bob.listen(["--since", String(cursor)]);
  await since.nextMessage("three");
  expect(since.seen.map(({ text }) => text)).toEqual([undefined, "two", "three"]);
});
