import { once } from "node:events";
import { chmodSync, lstatSync, mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { type ApiServerOptions, startApiServer } from "../../../peer/daemon/api-server.ts";
import type { Access, Entry } from "../../../peer/messaging/operations/tokens.ts";
import { ChatError } from "../../../shared/errors.ts";
import { callRaw, closed, startTestServer } from "../../support/control-socket.ts";
import { expectError } from "../../support/expect-error.ts";
import { ALICE, fakeFeed, fakeOperations, fakePresence, MESSAGE, TOKEN } from "../../support/fake-operations.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

/** Takes the token `good`, and remembers what was shown and how many connections are in. */
function fakeAccess(entry: Partial<Entry> = {}) {
  const shown: string[] = [];
  const ending = new AbortController();
  const left = Promise.withResolvers<void>();
  const access: Access = {
    authenticate(token) {
      shown.push(token);
      if (token !== "good") throw new ChatError("TOKEN_INVALID", "wrong");
      return {
        token: TOKEN,
        operations: fakeOperations(),
        feed: fakeFeed(),
        presence: fakePresence(),
        misunderstood: () => undefined,
        ended: ending.signal,
        close: () => left.resolve(),
        ...entry,
      };
    },
  };
  return { access, shown, revoke: () => ending.abort(), left: left.promise };
}

function place(): string {
  const directory = join(temporaryDirectory(), "api");
  mkdirSync(directory, { mode: 0o755 });
  return join(directory, "api.sock");
}

async function startApi(options: Partial<ApiServerOptions> = {}) {
  const server = await startApiServer({ path: place(), mode: 0o600, access: fakeAccess().access, ...options });
  onTestFinished(() => server.stop());
  return server;
}

function modeOf(path: string): string {
  return (lstatSync(path).mode & 0o777).toString(8);
}

describe("the API socket", () => {
  test.each([
    [0o600, "600"],
    [0o660, "660"],
  ])("has the mode that was asked for, under any umask: %o", async (mode, expected) => {
    const before = process.umask(0o002);
    onTestFinished(() => void process.umask(before));
    const { path } = await startApi({ mode });
    expect(modeOf(path)).toBe(expected);
    expect(process.umask()).toBe(0o002);
  });

  test("greets without saying whose it is", async () => {
    const { path } = await startApi();
    const socket = connect(path);
    onTestFinished(() => void socket.destroy());
    const [greeting] = await once(socket.setEncoding("utf8"), "data");
    expect(JSON.parse(greeting)).toEqual({ jsonrpc: "2.0", method: "hello", params: { v: 1, api: true } });
  });

  test("of a daemon that died is replaced; of one that runs, and what is no socket, it is not", async () => {
    const path = place();
    const dead = createServer().listen(path);
    await once(dead, "listening");
    await expectError(startApi({ path }), "STORAGE", "socket");
    const file = place();
    writeFileSync(file, "precious");
    await expectError(startApi({ path: file }), "STORAGE", "socket");
    expect(lstatSync(file).isFile()).toBe(true);
    const first = await startApi();
    await first.stop();
    expect(lstatSync(first.path, { throwIfNoEntry: false })).toBeUndefined();
    dead.close();
  });

  test.each([0o777, 0o1777, 0o775])("is not made in a directory where others can write: %o", async (mode) => {
    const path = place();
    chmodSync(join(path, ".."), mode);
    await expectError(startApi({ path }), "CONFIG_INVALID");
    expect(lstatSync(path, { throwIfNoEntry: false })).toBeUndefined();
  });

  test("is not made in a directory that is not there", async () => {
    await expectError(startApi({ path: join(temporaryDirectory(), "nowhere", "api.sock") }), "CONFIG_INVALID");
  });
});

describe("a caller without a token", () => {
  test.each([
    ["calls a method", "send", { to: "bob", text: "x", wait: "queued", timeoutMs: 0 }, "TOKEN_MISSING"],
    ["calls an unknown method", "stop", {}, "TOKEN_MISSING"],
    ["subscribes", "subscribe", {}, "TOKEN_MISSING"],
    ["consumes", "consume", { consumer: "listen" }, "TOKEN_MISSING"],
    ["shows a wrong token", "authenticate", { token: "wrong" }, "TOKEN_INVALID"],
    ["shows no token", "authenticate", {}, "REQUEST_INVALID"],
    ["shows a token of another type", "authenticate", { token: ["good"] }, "REQUEST_INVALID"],
    ["shows a token that is too long", "authenticate", { token: "a".repeat(257) }, "REQUEST_INVALID"],
  ])("who %s is told so, and cut off", async (_, method, params, code) => {
    const { path } = await startApi();
    const caller = await callRaw(path);
    caller.request(method, params);
    caller.request("authenticate", { token: "good" }, 2);
    caller.request("whoami", {}, 3);
    expect(await caller.next()).toMatchObject({ id: 1, error: { data: { code } } });
    const rest = [await caller.next(), await caller.next(), await caller.next()];
    expect(rest.filter((answer) => answer !== undefined && "result" in (answer as object))).toEqual([]);
    expect(rest.at(-1)).toBeUndefined();
  });

  test.each([
    ["an array", "[]"],
    ["null", "null"],
    ["a request without an id", '{"jsonrpc":"2.0","method":"authenticate","params":{"token":"good"}}'],
    ["a request without a version", '{"id":1,"method":"authenticate","params":{"token":"good"}}'],
    ["a method that is no word", '{"jsonrpc":"2.0","id":1,"method":["authenticate"]}'],
    ["no JSON", "hello"],
  ])("who begins with %s is told so, and cut off", async (_, line) => {
    const { access, shown } = fakeAccess();
    const { path } = await startApi({ access, namelessMs: 600_000 });
    const caller = await callRaw(path);
    caller.socket.write(`${line}\n`);
    caller.request("authenticate", { token: "good" }, 2);
    expect(await caller.next()).toMatchObject({ error: { data: { code: "REQUEST_INVALID" } } });
    await closed(caller.socket);
    expect(shown).toEqual([]);
  });

  test("has one try for each connection", async () => {
    const { access, shown } = fakeAccess();
    const { path } = await startApi({ access });
    const caller = await callRaw(path);
    for (const token of ["a", "b", "good"]) caller.request("authenticate", { token });
    await closed(caller.socket);
    expect(shown).toEqual(["a"]);
  });

  test("who says nothing is cut off", async () => {
    const { path } = await startApi({ namelessMs: 20 });
    const { socket } = await callRaw(path);
    await closed(socket);
  });

  test("cannot keep others out by waiting: the oldest gives way, one that came later does not", async () => {
    const { path } = await startApi({ namelessMs: 600_000 });
    const oldest = await callRaw(path);
    const caller = await callRaw(path);
    const crowd = () => Promise.all(Array.from({ length: 85 }, () => callRaw(path)));
    for (let n = 0; n < 3; n += 1) await crowd();
    await closed(oldest.socket);
    caller.request("authenticate", { token: "good" });
    expect(await caller.next()).toMatchObject({ result: TOKEN });
    for (let n = 0; n < 3; n += 1) await crowd();
    caller.request("whoami");
    expect(await caller.next()).toMatchObject({ result: ALICE });
  });
});

describe("callers with tokens", () => {
  test("are at most 64; others are told so, and come in once one has left", async () => {
    const { access, left } = fakeAccess();
    const { path } = await startApi({ access });
    const enter = async () => {
      const caller = await callRaw(path);
      caller.request("authenticate", { token: "good" });
      return { caller, answer: await caller.next() };
    };
    const all = await Promise.all(Array.from({ length: 64 }, enter));
    expect(all.filter(({ answer }) => "result" in Object(answer))).toHaveLength(64);
    const { caller, answer } = await enter();
    expect(answer).toMatchObject({ error: { data: { code: "QUOTA", reason: "connections" } } });
    await closed(caller.socket);
    all[0]?.caller.socket.destroy();
    await left;
    await expect.poll(enter).toMatchObject({ answer: { result: TOKEN } });
  });
});

describe("a caller with a token", () => {
  async function admitted(entry: Partial<Entry> = {}, options: Partial<ApiServerOptions> = {}) {
    const { access, revoke, left } = fakeAccess(entry);
    const { path } = await startApi({ access, ...options });
    const caller = await callRaw(path);
    caller.request("authenticate", { token: "good" }, "in");
    expect(await caller.next()).toEqual({ jsonrpc: "2.0", id: "in", result: TOKEN });
    return { caller, revoke, left };
  }

  test("is served what its entry allows, for as long as it likes", async () => {
    const whoami = () => Promise.reject(new ChatError("FORBIDDEN", "not you"));
    const { caller } = await admitted({ operations: fakeOperations({ whoami }) }, { namelessMs: 20 });
    caller.request("lookup", { username: "bob" }, 2);
    expect(await caller.next()).toMatchObject({ id: 2, result: { username: "bob" } });
    caller.request("whoami", {}, 3);
    expect(await caller.next()).toMatchObject({ id: 3, error: { code: -32_000, data: { code: "FORBIDDEN" } } });
    caller.request("authenticate", { token: "good" }, 4);
    expect(await caller.next()).toMatchObject({ id: 4, error: { data: { code: "NOT_FOUND" } } });
  });

  test("has whatever it asks in vain counted too, and what that comes to is its answer", async () => {
    const heard: [unknown, string][] = [];
    const misunderstood: Entry["misunderstood"] = (method, code) => {
      heard.push([method, code]);
      if (heard.length > 7) throw new ChatError("RATE_LIMITED", "that is enough");
    };
    const { caller } = await admitted({ misunderstood });
    const wrong: [method: string, params?: object][] = [
      ["send", { to: "bob" }],
      ["stop"],
      ["nextEvent"],
      ["acknowledge", { cursor: 1 }],
      ["consume", { consumer: 1 }],
      ["subscribe", { since: "now" }],
    ];
    caller.socket.write("[]\n");
    await caller.next();
    for (const [method, params] of wrong) {
      caller.request(method, params);
      expect(await caller.next()).toMatchObject({ error: { data: { code: heard.at(-1)?.[1] } } });
    }
    expect(heard).toEqual([
      [undefined, "REQUEST_INVALID"],
      ...wrong.map(([method]) => [method, method === "stop" ? "NOT_FOUND" : "REQUEST_INVALID"]),
    ]);
    caller.request("stop");
    expect(await caller.next()).toMatchObject({ error: { data: { code: "RATE_LIMITED" } } });
    caller.request("whoami");
    expect(await caller.next()).toMatchObject({ result: ALICE });
  });

  test("is told the events of its entry", async () => {
    const { caller } = await admitted({ feed: fakeFeed([{ type: "message", ...MESSAGE }]) });
    caller.request("subscribe", { since: 0 });
    expect(await caller.next()).toMatchObject({ id: 1, result: {} });
    expect(await caller.next()).toMatchObject({ method: "event", params: { type: "message", text: MESSAGE.text } });
  });

  test("is cut off as soon as the token is over, in the middle of a request too", async () => {
    const [begun, never] = [Promise.withResolvers<void>(), Promise.withResolvers<never>()];
    const status = () => {
      begun.resolve();
      return never.promise;
    };
    const { caller, revoke, left } = await admitted({ operations: fakeOperations({ status }) });
    caller.request("status");
    await begun.promise;
    const end = closed(caller.socket);
    revoke();
    await Promise.all([end, left]);
  });

  test("frees its entry when it goes", async () => {
    const { caller, left } = await admitted();
    caller.socket.destroy();
    await left;
  });
});

test("the owner's socket takes no tokens, for it needs none", async () => {
  const { path } = await startTestServer();
  const caller = await callRaw(path);
  caller.request("authenticate", { token: "good" });
  expect(await caller.next()).toMatchObject({ error: { code: -32_601, data: { code: "NOT_FOUND" } } });
});
