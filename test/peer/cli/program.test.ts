import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ChatError } from "../../../shared/errors.ts";
import { startTestServer } from "../../support/control-socket.ts";
import { terminal, terminalWithDaemon } from "../../support/fake-daemon.ts";
import { ALICE, AUDIT, BOB, MESSAGE } from "../../support/fake-operations.ts";

const HOSTILE = "\x1b]0;x\x07\u202egpj\n2026 bob: \u009b31m";

describe("with --json a command prints one object for its result:", () => {
  test.each([
    [["whoami"], { v: 1, type: "whoami", ...ALICE }],
    [
      ["verify", "bob"],
      { v: 1, type: "safety-number", username: "bob", safetyNumber: "12345".repeat(12), verified: false },
    ],
    [["verify", "bob", "12345 ".repeat(12)], expect.objectContaining({ type: "safety-number", verified: true })],
    [["trust", "bob"], expect.objectContaining({ v: 1, type: "trust", accepted: true, oldFingerprint: "cccc dddd" })],
    [["key", "audit", "bob"], { v: 1, type: "key-audit", ...AUDIT }],
    ...[["key"], ["key", "show"]].map((argv): [string[], object] => [
      argv,
      { v: 1, type: "key", username: "alice", fingerprint: "aaaa bbbb", devices: [ALICE.peerId], seq: 2, position: 7 },
    ]),
    [["key", "rotate"], expect.objectContaining({ v: 1, type: "key-rotated", seq: 3, newFingerprint: "eeee ffff" })],
    [["online"], { v: 1, type: "online", online: [{ username: "bob", devices: BOB.devices, contact: true }] }],
    [["status"], expect.objectContaining({ v: 1, type: "status", serverState: "ok", published: true })],
    [["outbox"], { v: 1, type: "outbox", items: [] }],
    [["outbox", "retry"], { v: 1, type: "outbox-retry", retried: 2 }],
    [["outbox", "cancel", MESSAGE.id], { v: 1, type: "outbox-cancel", cancelled: 1, withdrawn: false }],
    [["contacts"], { v: 1, type: "contact", ...BOB }],
    [["contacts", "show", "bob"], { v: 1, type: "contact", ...BOB }],
    [["contacts", "block", "bob"], { v: 1, type: "contact", ...BOB, blocked: true }],
    [["contacts", "unblock", "bob"], { v: 1, type: "contact", ...BOB }],
    [["contacts", "remove", "bob"], { v: 1, type: "contact-removed", username: "bob" }],
    [
      ["lookup", "bob"],
      {
        v: 1,
        type: "record",
        username: "bob",
        fingerprint: "cccc dddd",
        seq: 1,
        devices: BOB.devices,
        online: true,
        pinned: false,
      },
    ],
    [["history", "bob"], { v: 1, type: "message", ...MESSAGE, direction: "in" }],
    [
      ["send", "bob", "hi"],
      {
        v: 1,
        type: "send",
        id: MESSAGE.id,
        to: "bob",
        state: "stored",
        devices: [{ device: "12D3KooWBob", state: "stored", path: "direct" }],
      },
    ],
  ])("%j", async (args, expected) => {
    const { run } = await terminalWithDaemon();
    const { code, stdout, stderr } = await run([...args, "--json"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.split("\n")).toHaveLength(2);
    expect(JSON.parse(stdout)).toEqual(expected);
  });
});

describe("key", () => {
  test("audit that finds something bad prints it with its proof, and exits with 4", async () => {
    const problem = { code: "LOG_FORKED", reason: "fork", message: HOSTILE, notes: [`one\n${HOSTILE}`] } as const;
    const { run } = await terminalWithDaemon({
      keyAudit: async () => ({ ...AUDIT, verdict: "bad", problems: [problem] }),
    });
    const machine = await run(["key", "audit", "bob", "--json"]);
    expect({ code: machine.code, lines: machine.lines }).toMatchObject({ code: 4, lines: [{ problems: [problem] }] });
    const { code, stdout } = await run(["key", "audit", "bob"]);
    expect(code).toBe(4);
    expect(stdout).toMatch(/^seq +log +issued +change +fingerprint\n1 +3 +2026-11-20 18:30 +first +cccc dddd\n/);
    expect(stdout).toContain("* LOG_FORKED: <U+001B>");
    expect(stdout).not.toContain("\x1b");
    expect(stdout).toMatch(/\nbad: .+\n$/);
  });

  test.each([
    [["key", "audit"]],
    [["key", "show", "bob"]],
    [["key", "rotate", "bob"]],
    [["key", "erase"]],
    [["key", "rotate", "--new-passphrase-file", "x"]],
  ])("refuses %j", async (args) => {
    const { run } = terminal();
    expect(await run([...args, "--json"])).toMatchObject({ code: 1, lines: [{ type: "error", code: "USAGE" }] });
  });

  test("change-passphrase is refused while a daemon holds the keys", async () => {
    const { run } = await terminalWithDaemon();
    const { code, lines } = await run(["key", "change-passphrase", "--json"]);
    expect({ code, lines }).toMatchObject({
      code: 1,
      lines: [{ code: "PROFILE_BUSY", details: { pid: process.pid } }],
    });
  });
});

describe("an error", () => {
  const details = { oldFingerprint: "cccc dddd", newFingerprint: "eeee ffff" };
  const send = () => Promise.reject(new ChatError("KEY_CHANGED", `the key of bob changed ${HOSTILE}`, { details }));

  test("is an object on stdout with --json, with the code, the facts and the exit code", async () => {
    const { run } = await terminalWithDaemon({ send });
    const { code, lines, stderr } = await run(["send", "bob", "hi", "--json"]);
    expect({ code, stderr }).toEqual({ code: 4, stderr: "" });
    expect(lines).toEqual([
      { v: 1, type: "error", code: "KEY_CHANGED", message: `the key of bob changed ${HOSTILE}`, details },
    ]);
  });

  test("goes to stderr without: what happened, both fingerprints, what is safe, what to do", async () => {
    const { run } = await terminalWithDaemon({ send });
    const { code, stdout, stderr } = await run(["send", "bob", "hi"]);
    expect({ code, stdout }).toEqual({ code: 4, stdout: "" });
    for (const fact of ["changed", "cccc dddd", "eeee ffff", "Nothing was sent", "p2pchat trust"]) {
      expect(stderr).toContain(fact);
    }
    expect(stderr).not.toContain("\x1b");
  });

  test.each([
    ["NAME_UNKNOWN", 8],
    ["SERVER_UNREACHABLE", 3],
    ["RATE_LIMITED", 5],
    ["INTERNAL", 2],
  ] as const)("%s exits with %i", async (code, exitCode) => {
    const { run } = await terminalWithDaemon({ lookup: () => Promise.reject(new ChatError(code, "no")) });
    expect(await run(["lookup", "bob", "--json"])).toMatchObject({ code: exitCode, lines: [{ code }] });
  });

  test.each([
    ["shout"],
    ["send"],
    ["whoami", "--loud"],
    ["contacts", "show"],
    ["outbox", "cancel"],
    ["listen", "--notify=all"],
    ["history", "bob", "--limit", "0"],
  ])("in the command line %j is USAGE", async (...args) => {
    expect(await terminal().run([...args, "--json"])).toMatchObject({ code: 1, lines: [{ code: "USAGE" }] });
  });

  test("in the configuration names the variable", async () => {
    const { run } = terminal({ P2PCHAT_PASSPHRASE: "hunter2" });
    const { code, stderr } = await run(["whoami"]);
    expect(code).toBe(1);
    expect(stderr).toContain("P2PCHAT_PASSPHRASE");
    expect(stderr).not.toContain("hunter2");
  });

  test("says that there is no profile, or that it has no name yet", async () => {
    const { run, profile } = terminal();
    expect(await run(["whoami", "--json", "--profile", "other"])).toMatchObject({
      code: 1,
      lines: [{ code: "PROFILE_MISSING" }],
    });
    rmSync(join(profile, "profile.json"));
    expect(await run(["whoami", "--json"])).toMatchObject({ code: 1, lines: [{ code: "PROFILE_MISSING" }] });
  });
});

describe("what others wrote", () => {
  test("cannot reach the terminal as anything but text, nor fake a line", async () => {
    const message = { ...MESSAGE, text: HOSTILE, direction: "in" } as const;
    const { run } = await terminalWithDaemon({ history: async () => ({ messages: [message], older: null }) });
    const { stdout } = await run(["history", "bob"]);
    expect(stdout).toBe("2026-11-20 18:30 bob: <U+001B>]0;x<U+0007><U+202E>gpj\n  | 2026 bob: <U+009B>31m\n");
  });

  test("comes out of JSON as it was, without a raw control on the way", async () => {
    const message = { ...MESSAGE, text: HOSTILE, direction: "in" } as const;
    const { run } = await terminalWithDaemon({ history: async () => ({ messages: [message], older: null }) });
    const { stdout } = await run(["history", "bob", "--json"]);
    expect(JSON.parse(stdout).text).toBe(HOSTILE);
    expect(stdout).toMatch(/^[\x20-\x7e]*\n$/);
  });
});

describe("history", () => {
  test("prints nothing but the message and its direction, and marks for people what is not there yet", async () => {
    const message = { ...MESSAGE, from: "alice", direction: "out", state: "queued" } as const;
    const { run } = await terminalWithDaemon({ history: async () => ({ messages: [message], older: null }) });
    expect((await run(["history", "bob", "--json"])).lines).toEqual([
      { v: 1, type: "message", ...MESSAGE, from: "alice", direction: "out" },
    ]);
    expect((await run(["history", "bob"])).stdout).toContain("alice (queued): hi");
  });

  test("survives a reader that leaves", async () => {
    const messages = Array.from({ length: 5000 }, () => ({
      ...MESSAGE,
      text: "a".repeat(1000),
      direction: "in" as const,
    }));
    const { start } = await terminalWithDaemon({ history: async () => ({ messages, older: null }) });
    const program = start(["history", "bob"]);
    program.closeStdout();
    expect(await program.outcome()).toMatchObject({ code: 0, stderr: "" });
  });
});

test("trust does not speak of a new key where the key has not changed", async () => {
  const fingerprint = "cccc dddd";
  const keys = { oldFingerprint: fingerprint, newFingerprint: fingerprint, accepted: true };
  const { run } = await terminalWithDaemon({ trust: async ({ username }) => ({ username, ...keys }) });
  const { code, stdout } = await run(["trust", "bob"]);
  expect({ code, verdict: stdout.trimEnd().split("\n").at(-1) }).toEqual({
    code: 0,
    verdict: "the key of bob has not changed",
  });
});

test("an interruption ends a command at once, with exit code 130", async () => {
  const called = Promise.withResolvers<void>();
  const { start } = await terminalWithDaemon({
    lookup: () => {
      called.resolve();
      return new Promise(() => undefined);
    },
  });
  const program = start(["lookup", "bob", "--json"]);
  await called.promise;
  program.signal("SIGINT");
  expect(await program.outcome()).toMatchObject({ code: 130, lines: [{ type: "error", code: "INTERRUPTED" }] });
});

test("help needs no profile, and neither does the version", async () => {
  const { run } = terminal({ P2PCHAT_HOME: "/nowhere" });
  const help = await run(["--help"]);
  expect(help.code).toBe(0);
  expect(help.stdout).toContain("p2pchat send <to> [message]");
  expect(await run(["--version"])).toMatchObject({ code: 0, stdout: "0.1.0\n" });
});

test("a second listen refuses and names the first one's process", async () => {
  const { run } = await terminalWithDaemon();
  const { code, lines } = await run(["listen", "--json"]);
  expect(code).toBe(1);
  expect(lines).toMatchObject([{ code: "PROFILE_BUSY", details: { pid: process.pid } }]);
});

test("a daemon of another profile at this profile's socket is refused, and nothing is sent", async () => {
  const { profile, run } = terminal();
  await startTestServer({ directory: profile, peerId: "12D3KooWMallory" });
  expect(await run(["send", "bob", "hi", "--json"])).toMatchObject({
    code: 1,
    lines: [{ type: "error", code: "DAEMON_MISMATCH", reason: "peer-id" }],
  });
});
