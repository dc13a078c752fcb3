import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { EXIT_CODES } from "../../peer/cli/exit-codes.ts";
import type { ErrorCode } from "../../shared/errors.ts";
import { failing } from "../support/lies.ts";
import { aliceAndBob, startLyingWorld, startWorld, strangers } from "../support/p2pchat.ts";
import { problem } from "../support/scripted-server.ts";

/*
 * Each exit code as a script meets it; 4 is in lying-server.test.ts, 9 belongs to ways of delivery that are to come.
 * test/peer/cli/error-codes.test.ts holds that every error code that a user can meet is met here or in another test.
 */

test("0 and 7 tell delivered from queued, 8 a name that nobody has, 1 a mistake", async () => {
  const { alice, bob, listening } = await aliceAndBob();
  expect(await alice.send("bob", "hi")).toMatchObject({ exit: 0, line: { state: "stored" } });
  await listening.stop();
  expect(await alice.send("bob", "hi", "--timeout", "500ms")).toMatchObject({ exit: 7, line: { state: "queued" } });
  const unknown = { type: "error", code: "NAME_UNKNOWN", message: "nobody is called zachary" };
  expect(await alice.send("zachary", "hi")).toMatchObject({ exit: 8, line: unknown });
  expect(await alice.ask(["lookup", "zachary"])).toMatchObject({ exit: 8, line: { code: "NAME_UNKNOWN" } });
  const mistakes: [readonly string[], string][] = [
    [["send", "alice", "me"], "SELF_SEND"],
    [["send", "Not A Name", "hi"], "USERNAME_INVALID"],
    [["send", "bob", "hi", "--timeout", "soon"], "USAGE"],
    [["send", "bob", "hi", "--wait", "read"], "USAGE"],
    [["send", "bob", "hi", "--id", "a", "--id", "b"], "USAGE"],
    [["send", "bob", "hi", "there"], "USAGE"],
    [["send", "bob", "-x"], "USAGE"],
    [["send", "bob@names.example.org", "hi"], "SERVER_MISMATCH"],
    [["sned", "bob", "hi"], "USAGE"],
    [["history", "bob", "--limit", "-1"], "USAGE"],
    [["contacts", "show", "zachary"], "CONTACT_UNKNOWN"],
    [["register", "alice", "--no-passphrase"], "CONFIG_INVALID"],
    [["--profile", "absent", "whoami"], "PROFILE_MISSING"],
  ];
  const answers = await Promise.all(mistakes.map(([args]) => alice.ask(args)));
  expect(answers.map(({ exit, line }) => [exit, line.type, line.code])).toEqual(
    mistakes.map(([, code]) => [1, "error", code]),
  );
  expect((await alice.ask(["outbox"])).line["items"]).toHaveLength(1);
  const taken = await alice.world
    .person("carol")
    .ask(["register", "bob", "--server", alice.world.url, "--no-passphrase"]);
  expect(taken).toMatchObject({ exit: 1, line: { code: "USERNAME_TAKEN" } });
  expect(await bob.ask(["register", "bob", "--server", alice.world.url])).toMatchObject({
    exit: 1,
    line: { code: "PROFILE_EXISTS" },
  });
});

test("2, 3 and 5 tell a fault, a server that fails and one that asks for patience", async () => {
  const world = await startLyingWorld();
  const { alice } = await strangers(world);
  const cases: [Parameters<typeof failing>[1], number, string][] = [
    [problem(400, "REQUEST_INVALID"), 2, "REQUEST_INVALID"],
    ["reset", 3, "SERVER_UNREACHABLE"],
    ["hang", 3, "TIMED_OUT"],
    [{ status: 500 }, 3, "SERVER_ERROR"],
    [problem(429, "RATE_LIMITED", { retryAfter: 60 }), 5, "RATE_LIMITED"],
  ];
  for (const [answer, exit, code] of cases) {
    const repent = world.liar.tell(failing("/v1/names/bob", answer));
    expect(await alice.send("bob", "hi", "--timeout", "3s")).toMatchObject({ exit, line: { type: "error", code } });
    repent();
  }
  world.liar.tell(failing("/v1/names/bob", "hang"));
  const { line } = await alice.send("bob", "hi", "--timeout", "1s");
  expect(line["message"]).toBe("the naming server did not say in time who bob is; nothing was sent");
  expect((await alice.ask(["outbox"])).line["items"]).toEqual([]);
});

test("6 tells a wrong passphrase, or none, and the right one still opens the profile", async () => {
  const { world } = await strangers();
  const [right, wrong] = ["right", "wrong"].map((word) => {
    const path = join(world.directory, word);
    writeFileSync(path, `${word} horse battery staple\n`, { mode: 0o600 });
    return path;
  });
  const carol = await world.register("carol", "--passphrase-file", String(right));
  const asWrong = await carol.ask(["send", "bob", "hi", "--passphrase-file", String(wrong)]);
  expect(asWrong).toMatchObject({ exit: 6, line: { type: "error", code: "PASSPHRASE_WRONG" } });
  expect(await carol.ask(["whoami"])).toMatchObject({ exit: 6, line: { code: "PASSPHRASE_REQUIRED" } });
  expect(await carol.ask(["whoami", "--passphrase-file", String(right)])).toMatchObject({ exit: 0 });
});

describe("130 tells an interruption", () => {
  test("of a listener by Ctrl-C, which ends it in order; SIGTERM ends it with 0", async () => {
    const { bob, listening } = await aliceAndBob();
    listening.signal("SIGINT");
    expect(await listening.outcome()).toMatchObject({ code: 130, signal: null, stderr: "" });
    const again = await bob.listen();
    expect(await again.stop()).toMatchObject({ code: 0 });
  });

  test("of a send that waits, whose message stays in the outbox", async () => {
    const { alice } = await strangers();
    const waiting = alice.start(["send", "bob", "--json", "--timeout", "1h"], { stdin: "kept" });
    await expect.poll(() => alice.countRows("outbox")).toBe(1);
    waiting.signal("SIGINT");
    expect(await waiting.outcome()).toMatchObject({ code: 130, lines: [{ type: "error", code: "INTERRUPTED" }] });
  });
});

test("each mistake about people and messages has a code of its own", async () => {
  const { world, alice, bob, listening } = await aliceAndBob();
  const unknownId = "0".repeat(32);
  await alice.send("bob", "hi");
  await bob.send("alice", "hi yourself", "--wait", "queued");
  expect((await alice.ask(["contacts", "block", "bob"])).exit).toBe(0);
  const mistakes: [readonly string[], string][] = [
    [["send", "bob", "hi"], "CONTACT_BLOCKED"],
    [["outbox", "cancel", unknownId], "OUTBOX_UNKNOWN"],
    [["edit", unknownId, "another text"], "MESSAGE_UNKNOWN"],
  ];
  for (const [args, code] of mistakes) {
    expect(await alice.ask(args)).toMatchObject({ exit: 1, line: { type: "error", code } });
  }
  const claims: [string, readonly string[], string][] = [
    ["admin", [], "USERNAME_RESERVED"],
    ["b0b", [], "USERNAME_CONFUSABLE"],
    ["carol", ["--server", "http://names.example.org"], "HTTP_REFUSED"],
  ];
  for (const [name, options, code] of claims) {
    const args = ["register", name, "--no-passphrase", ...(options.length > 0 ? options : ["--server", world.url])];
    expect(await world.person(name).ask(args)).toMatchObject({ exit: 1, line: { type: "error", code } });
  }
  await listening.stop();
});

test("a stranger who has written too much is told so, until they are answered", async () => {
  const { alice, bob } = await aliceAndBob();
  const texts = Array.from({ length: 21 }, (_, index) => JSON.stringify({ to: "bob", text: `number ${index}` }));
  const { code, lines } = await alice.run(["send", "--batch", "-", "--json"], { stdin: texts.join("\n") });
  expect({ code, states: lines.slice(0, 20).map(({ state }) => state) }).toEqual({
    code: 1,
    states: Array(20).fill("stored"),
  });
  expect(lines[20]).toMatchObject({ type: "send", state: "failed", devices: [{ error: "QUOTA" }] });
  await bob.send("alice", "go on", "--wait", "queued");
  expect(await alice.send("bob", "number 21")).toMatchObject({ exit: 0 });
});

test("a profile that is damaged is told from one that is not there", async () => {
  const { alice } = await strangers();
  writeFileSync(join(alice.profile, "chat.db"), "no database");
  expect(await alice.ask(["history", "bob"])).toMatchObject({ exit: 3, line: { code: "STORE_CORRUPT" } });
});

test("what a naming server may answer ends with the exit code of what it says", async () => {
  const world = await startLyingWorld();
  const { alice } = await strangers(world);
  const answers: [number, ErrorCode][] = [
    [400, "REQUEST_INVALID"],
    [401, "TOKEN_MISSING"],
    [403, "FORBIDDEN"],
    [404, "NOT_FOUND"],
    [405, "METHOD_NOT_ALLOWED"],
    [413, "BODY_TOO_LARGE"],
    [415, "MEDIA_TYPE"],
    [503, "SERVER_BUSY"],
  ];
  for (const [status, code] of answers) {
    const repent = world.liar.tell(failing("/v1/names/bob", problem(status, code)));
    const { exit, line } = await alice.send("bob", "hi", "--timeout", "3s");
    expect({ exit, code: line.code }).toEqual({ exit: EXIT_CODES[code], code });
    repent();
  }
});

test("a profile of one naming server says so at another, to commands and to a listener, once", async () => {
  const [{ alice }, elsewhere] = await Promise.all([strangers(), startWorld()]);
  expect(await alice.ask(["lookup", "bob", "--server", elsewhere.url])).toMatchObject({
    exit: 1,
    line: { code: "SERVER_MISMATCH", details: { expectedAudience: elsewhere.url } },
  });
  const listening = await alice.listen(["--server", elsewhere.url]);
  await listening.next(({ type, code }) => type === "error" && code === "SERVER_MISMATCH");
  await expect.poll(() => listening.stderr.match(/SERVER_MISMATCH/g)?.length, { timeout: 20_000 }).toBeGreaterThan(1);
  expect(listening.seen.filter(({ code }) => code === "SERVER_MISMATCH")).toHaveLength(1);
});
