import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { failing } from "../support/lies.ts";
import { aliceAndBob, startLyingWorld, strangers } from "../support/p2pchat.ts";
import { problem } from "../support/scripted-server.ts";

/*
 * Each exit code as a script meets it; 4 is in lying-server.test.ts, 9 belongs to ways of delivery that are to come.
 */

test("0 and 7 tell delivered from queued, 8 a name that nobody has, 1 a mistake", async () => {
  const { alice, bob, listening } = await aliceAndBob();
  expect(await alice.send("bob", "hi")).toMatchObject({ exit: 0, line: { state: "stored" } });
  await listening.stop();
  expect(await alice.send("bob", "hi", "--timeout", "500ms")).toMatchObject({ exit: 7, line: { state: "queued" } });
  expect(await alice.send("zachary", "hi")).toMatchObject({ exit: 8, line: { type: "error", code: "NAME_UNKNOWN" } });
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
    [{ status: 500 }, 3, "SERVER_ERROR"],
    [problem(429, "RATE_LIMITED", { retryAfter: 60 }), 5, "RATE_LIMITED"],
  ];
  for (const [answer, exit, code] of cases) {
    const repent = world.liar.tell(failing("/v1/names/bob", answer));
    expect(await alice.send("bob", "hi", "--timeout", "3s")).toMatchObject({ exit, line: { type: "error", code } });
    repent();
  }
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
    await expect.poll(() => alice.countRows("outbox"), { timeout: 20_000 }).toBe(1);
    waiting.signal("SIGINT");
    expect(await waiting.outcome()).toMatchObject({ code: 130, lines: [{ type: "error", code: "INTERRUPTED" }] });
  });
});
