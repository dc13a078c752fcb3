import { describe, expect, test } from "vitest";
import type { SendParams, SendResult } from "../../../../peer/messaging/operations.ts";
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
