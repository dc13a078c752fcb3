import { describe, expect, test } from "vitest";
import type { OperationName } from "../../../../peer/messaging/operations.ts";
import { terminalWithDaemon } from "../../../support/fake-daemon.ts";
import { BOB, fakeOperations, MESSAGE } from "../../../support/fake-operations.ts";

const ID = "ab".repeat(16);
const DELIVERY = { wait: "stored", timeoutMs: 10_000 };

/** Runs a command line, and says what it asked the daemon for. */
async function asked(operation: OperationName, args: readonly string[], stdin = "") {
  const calls: unknown[] = [];
  const answer = fakeOperations()[operation] as (params: unknown) => Promise<unknown>;
  const { run } = await terminalWithDaemon({
    [operation]: async (params: unknown) => {
      calls.push(params);
      return answer(params);
    },
  });
  const ended = await run([...args, "--json"], stdin);
  return { ...ended, calls };
}

describe("what is said about a message later", () => {
  test.each([
    ["edit", ["edit", ID, "new text"], "", { id: ID, text: "new text", ...DELIVERY }],
    ["edit", ["edit", ID, "-"], "piped\n", { id: ID, text: "piped", ...DELIVERY }],
    [
      "edit",
      ["edit", ID, "x", "--wait", "queued", "--timeout", "1s"],
      "",
      { id: ID, text: "x", wait: "queued", timeoutMs: 1000 },
    ],
    ["remove", ["delete", ID], "", { id: ID, ...DELIVERY }],
    ["react", ["react", ID, "👍"], "", { id: ID, emoji: "👍", ...DELIVERY }],
    ["react", ["react", ID], "", { id: ID, emoji: "", ...DELIVERY }],
  ] as const)("%s is asked for by %j", async (operation, args, stdin, params) => {
    const { calls, code, lines } = await asked(operation, args, stdin);
    expect({ calls, code }).toEqual({ calls: [params], code: 0 });
    expect(lines).toMatchObject([{ v: 1, id: ID, state: "stored" }]);
  });

  test.each([
    ["edit", ["edit", ID, ""], "MESSAGE_EMPTY"],
    ["edit", ["edit", ID, "x", "--wait", "soon"], "USAGE"],
    ["edit", ["edit"], "USAGE"],
    ["remove", ["delete"], "USAGE"],
    ["react", ["react"], "USAGE"],
  ] as const)("%s is not asked for by %j", async (operation, args, code) => {
    const { calls, lines, code: exit } = await asked(operation, args);
    expect({ calls, exit }).toEqual({ calls: [], exit: 1 });
    expect(lines).toMatchObject([{ type: "error", code }]);
  });

  test("exits with 7 where it was not delivered in time", async () => {
    const { run } = await terminalWithDaemon({
      react: async () => ({ id: MESSAGE.id, to: "bob", state: "queued", devices: [] }),
    });
    expect((await run(["react", ID, "👍"])).code).toBe(7);
  });
});

describe("send", () => {
  test("says what it answers, and for how long it is kept", async () => {
    const { calls } = await asked("send", ["send", "bob", "hi", "--reply-to", ID, "--expire", "2h"]);
    expect(calls).toMatchObject([{ replyTo: ID, expireSeconds: 7200 }]);
  });

  test.each(["0s", "2y", "1", "-1h", "400d"])("refuses to be kept for %s", async (time) => {
    const { calls, lines } = await asked("send", ["send", "bob", "hi", `--expire=${time}`]);
    expect(calls).toEqual([]);
    expect(lines).toMatchObject([{ type: "error", code: "USAGE" }]);
  });
});

describe("contacts", () => {
  test.each([
    ["contactsAccept", ["accept", "bob"], { username: "bob" }],
    ["contactsSet", ["set", "bob", "--expire", "1d"], { username: "bob", expireSeconds: 86_400 }],
    ["contactsSet", ["set", "bob", "--expire", "never"], { username: "bob", expireSeconds: null }],
    ["contactsSet", ["set", "bob", "--read-marks", "on"], { username: "bob", readMarks: true }],
  ] as const)("%s is asked for by contacts %j", async (operation, args, params) => {
    const { calls, code, lines } = await asked(operation, ["contacts", ...args]);
    expect({ calls, code }).toEqual({ calls: [params], code: 0 });
    expect(lines).toMatchObject([{ type: "contact", username: BOB.username }]);
  });

  test.each([
    ["set", "bob"],
    ["set", "bob", "--read-marks", "yes"],
    ["set", "bob", "--expire", "soon"],
    ["show", "bob", "--expire", "1d"],
  ])("%s %s %s %s is refused", async (...args) => {
    const { calls, lines } = await asked("contactsSet", ["contacts", ...args]);
    expect(calls).toEqual([]);
    expect(lines).toMatchObject([{ type: "error", code: "USAGE" }]);
  });
});

describe("inbox", () => {
  test("shows the mode and who waits, and changes it", async () => {
    const { run } = await terminalWithDaemon({
      inbox: async ({ mode = "open" }) => ({ mode, requests: [{ username: "eve", messages: 2 }] }),
    });
    expect((await run(["inbox"])).stdout).toContain("eve (2): p2pchat contacts accept eve");
    expect((await run(["inbox", "requests", "--json"])).lines).toMatchObject([{ type: "inbox", mode: "requests" }]);
    expect((await run(["inbox", "closed", "--json"])).lines).toMatchObject([{ type: "error", code: "USAGE" }]);
  });
});
