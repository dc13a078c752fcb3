import { describe, expect, test } from "vitest";
import type { SendParams, SendResult } from "../../../../peer/messaging/operations/messages.ts";
import { ChatError } from "../../../../shared/errors.ts";
import { terminalWithDaemon } from "../../../support/fake-daemon.ts";
import { MESSAGE } from "../../../support/fake-operations.ts";

function sendResult(state: SendResult["state"]): SendResult {
  return {
    id: MESSAGE.id,
    to: "bob",
    state,
    devices: [{ device: "12D3KooWBob", state, path: null, error: "PEER_UNREACHABLE" }],
  };
}

describe("send", () => {
  async function sent(args: readonly string[], stdin = ""): Promise<SendParams> {
    const calls: SendParams[] = [];
    const { run } = await terminalWithDaemon({
      send: async (params) => {
        calls.push(params);
        return sendResult("stored");
      },
    });
    const { code, stderr } = await run(["send", ...args], stdin);
    expect({ code, stderr, calls: calls.length }).toEqual({ code: 0, stderr: "", calls: 1 });
    const [params] = calls;
    if (params === undefined) throw new Error("nothing was sent");
    return params;
  }

  test("passes on what was typed, and the time that is left", async () => {
    const params = await sent(["bob", "hi", "--timeout", "5s", "--id", "k1", "--wait", "queued"]);
    expect(params).toEqual({ to: "bob", text: "hi", wait: "queued", id: "k1", timeoutMs: expect.any(Number) });
    expect(params.timeoutMs).toBeGreaterThan(0);
    expect(params.timeoutMs).toBeLessThanOrEqual(5000);
  });

  test.each([
    [["bob"], "piped\ntext\n", "piped\ntext"],
    [["bob", "-"], "piped\n\n", "piped\n"],
    [["bob", "typed"], "not read", "typed"],
    [["bob", "--", "--json"], "", "--json"],
    [["--", "bob", "-5"], "", "-5"],
    [["bob", "1e3"], "", "1e3"],
  ])("takes the text of %j with %j piped in", async (args, stdin, text) => {
    expect((await sent(args, stdin)).text).toBe(text);
  });

  test.each([
    ["stored", [], 0],
    ["queued", [], 7],
    ["queued", ["--wait", "stored"], 7],
    ["queued", ["--wait", "queued"], 0],
    ["failed", [], 1],
    ["failed", ["--wait", "queued"], 1],
  ] as const)("that ends %s with %j prints its result and exits with %i", async (state, options, exitCode) => {
    const { run } = await terminalWithDaemon({ send: async () => sendResult(state) });
    const { code, lines } = await run(["send", "bob", "hi", "--json", ...options]);
    expect(code).toBe(exitCode);
    expect(lines).toEqual([{ v: 1, type: "send", ...sendResult(state) }]);
  });

  test.each([
    [["bob", ""], "", "MESSAGE_EMPTY"],
    [["bob"], "", "MESSAGE_EMPTY"],
    [["bob"], "a".repeat(20_000), "MESSAGE_TOO_LARGE"],
    [["bob"], Uint8Array.of(0xff), "MESSAGE_NOT_TEXT"],
    [["bob", "hi", "--wait", "read"], "", "USAGE"],
    [["bob", "hi", "--timeout", "10"], "", "USAGE"],
    [["bob", "hi", "--id", "a".repeat(200)], "", "USAGE"],
  ])("refuses %j before it calls the daemon", async (args, stdin, code) => {
    let calls = 0;
    const { run } = await terminalWithDaemon({
      send: async () => {
        calls += 1;
        return sendResult("stored");
      },
    });
    const outcome = await run(["send", ...args, "--json"], stdin);
    expect(outcome).toMatchObject({ code: 1, lines: [{ v: 1, type: "error", code }] });
    expect(calls).toBe(0);
  });
});

/** An id of a message to that person, from which the person can be told. */
const idOf = (to: string) => Buffer.alloc(16, 0).fill(to, 0, to.length).toString("hex");

describe("send to several", () => {
  /** A daemon that stores for everybody but the absent and the unknown. */
  async function daemon() {
    const calls: object[] = [];
    const own = await terminalWithDaemon({
      send: async (params) => {
        calls.push(params);
        if (params.to === "unknown") throw new ChatError("NAME_UNKNOWN", "nobody has that name");
        return { ...sendResult("queued"), id: idOf(params.to), to: params.to };
      },
      outboxWait: async ({ id }) => {
        const to = Buffer.from(id, "hex").toString().replaceAll("\0", "");
        return { ...sendResult(to === "absent" ? "queued" : "stored"), id, to };
      },
    });
    return { ...own, calls };
  }

  test("tells what came of each in their order, and exits with the worst of it", async () => {
    const { run, calls } = await daemon();
    const { code, lines, stderr } = await run(["send", "bob,absent,unknown", "hi", "--id", "k", "--json"]);
    expect({ code, stderr }).toEqual({ code: 8, stderr: "" });
    expect(lines).toMatchObject([
      { v: 1, type: "send", to: "bob", state: "stored" },
      { v: 1, type: "send", to: "absent", state: "queued" },
      { v: 1, type: "error", code: "NAME_UNKNOWN", to: "unknown" },
    ]);
    const sent = (to: string) => ({ to, text: "hi", id: `k/${to}`, wait: "queued", timeoutMs: 10_000 });
    expect(calls).toEqual(["bob", "absent", "unknown"].map(sent));
    expect(await run(["send", "bob,absent", "hi"])).toMatchObject({ code: 7 });
    expect(await run(["send", "Bob, carol", "hi"])).toMatchObject({ code: 0, stderr: "" });
  });

  test("takes a file of lines from standard input, and names the line of each", async () => {
    const { run, calls } = await daemon();
    const batch = ['{"to":"bob","text":"one","id":"a"}', "", '{"to":"unknown","text":"two"}'].join("\n");
    const { code, lines } = await run(["send", "--batch", "-", "--expire", "1h", "--json"], batch);
    expect(code).toBe(8);
    expect(lines).toMatchObject([
      { type: "send", to: "bob", line: 1 },
      { type: "error", to: "unknown", line: 3 },
    ]);
    expect(calls).toMatchObject([{ to: "bob", text: "one", id: "a", expireSeconds: 3600 }, { to: "unknown" }]);
    const people = await run(["send", "--batch=-"], batch);
    expect(people.stdout).toContain("delivered to bob");
    expect(people.stderr).toContain("p2pchat: line 3 (unknown): nobody has that name");
  });

  test("sends nothing at all where a line is wrong", async () => {
    const { run, calls } = await daemon();
    const { code, lines } = await run(["send", "--batch", "-", "--json"], '{"to":"bob","text":"hi"}\n{"to":"bob"}');
    expect({ code, lines }).toMatchObject({ code: 1, lines: [{ code: "USAGE", details: { line: 2 } }] });
    expect(calls).toEqual([]);
  });

  test.each([
    [["bob,", "hi"]],
    [["bob,BOB", "hi"]],
    [["bob,carol", "hi", "--reply-to", MESSAGE.id]],
    [["bob", "--batch", "-"]],
    [["--batch", "-", "--id", "k"]],
    [["--batch", "/nowhere/batch"]],
    [[]],
  ])("refuses %j", async (args) => {
    const { run, calls } = await daemon();
    expect(await run(["send", ...args, "--json"])).toMatchObject({ code: 1, lines: [{ code: "USAGE" }] });
    expect(calls).toEqual([]);
  });
});
