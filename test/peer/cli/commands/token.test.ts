import { describe, expect, test } from "vitest";
import type { Operations } from "../../../../peer/messaging/operations.ts";
import { terminalWithDaemon } from "../../../support/fake-daemon.ts";
import { TOKEN } from "../../../support/fake-operations.ts";

const SECRET = `p2pchat_${"A".repeat(43)}`;

describe("token create", () => {
  test("passes on what is asked for, and prints the token alone on stdout", async () => {
    const asked: Parameters<Operations["tokenCreate"]>[0][] = [];
    const tokenCreate: Operations["tokenCreate"] = async (params) => {
      asked.push(params);
      return { ...TOKEN, token: SECRET };
    };
    const { run } = await terminalWithDaemon({ tokenCreate });
    const options = ["--rate", "10/m", "--expires", "30d", "--name", "backup"];
    const { stdout, stderr, code } = await run([
      "token",
      "create",
      "--can",
      "send:bob",
      "--can",
      "read:al",
      ...options,
    ]);
    expect({ stdout, code }).toEqual({ stdout: `${SECRET}\n`, code: 0 });
    expect(stderr).toContain("backup (0011223344556677): send:bob, at most 600/m, for good, never used");
    const expireSeconds = 30 * 86_400;
    expect(asked).toEqual([{ can: ["send:bob", "read:al"], rate: "10/m", name: "backup", expireSeconds }]);
  });

  test("says the same in JSON, on one line", async () => {
    const { run } = await terminalWithDaemon();
    const { stdout } = await run(["token", "create", "--can", "send:bob", "--json"]);
    expect(JSON.parse(stdout)).toEqual({ v: 1, type: "token-created", ...TOKEN, token: SECRET });
  });
});

test("tokens are listed, revoked and looked into, in JSON and in words", async () => {
  const { run } = await terminalWithDaemon();
  const json = async (...args: string[]) => JSON.parse((await run(["token", ...args, "--json"])).stdout);
  expect(await json()).toEqual({ v: 1, type: "token", ...TOKEN });
  expect(await json("revoke", "backup")).toEqual({ v: 1, type: "token-revoked", ...TOKEN });
  const token = { id: TOKEN.id, name: TOKEN.name };
  const use = { at: TOKEN.createdAt, token, method: "send", person: "bob", outcome: "ok" };
  expect(await json("log")).toEqual({ v: 1, type: "token-use", ...use });
  expect((await run(["token", "list"])).stdout).toContain("backup (0011223344556677): send:bob");
  expect((await run(["token", "log", "backup"])).stdout).toMatch(/ {2}backup {2}send {2}bob {2}ok\n$/);
});

test.each([
  ["an unknown action", ["token", "destroy"]],
  ["revoking nothing", ["token", "revoke"]],
  ["a name where none belongs", ["token", "create", "backup", "--can", "status"]],
  ["capabilities where none belong", ["token", "list", "--can", "status"]],
  ["a time that is none", ["token", "create", "--can", "status", "--expires", "soon"]],
  ["an option given twice that may not be", ["token", "create", "--name", "a", "--name", "b"]],
  ["a mode without a socket", ["listen", "--api-mode", "660"]],
  ["a mode that is too open", ["listen", "--api-socket", "x", "--api-mode", "666"]],
])("%s is a mistake, and no daemon is asked", async (_, args) => {
  const asked: string[] = [];
  const note = (name: string) => async () => {
    asked.push(name);
    return TOKEN as never;
  };
  const names = ["tokenCreate", "tokenList", "tokenRevoke"] as const;
  const { run } = await terminalWithDaemon(Object.fromEntries(names.map((name) => [name, note(name)])));
  const { code, stdout } = await run([...args, "--json"]);
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ type: "error", code: "USAGE" });
  expect(asked).toEqual([]);
});
