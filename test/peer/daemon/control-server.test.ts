import { once } from "node:events";
import { lstatSync, mkdirSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { startControlServer } from "../../../peer/daemon/control-server.ts";
import { callRaw, profileDirectory, startTestServer } from "../../support/control-socket.ts";
import { expectError } from "../../support/expect-error.ts";
import { ALICE, fakeFeed, fakeOperations, fakePresence, MESSAGE } from "../../support/fake-operations.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const OPTIONS = {
  env: {},
  peerId: ALICE.peerId,
  operations: fakeOperations(),
  feed: fakeFeed(),
  presence: fakePresence(),
};

function mode(path: string): string {
  return (lstatSync(path).mode & 0o7777).toString(8);
}

async function answerTo(method: string, params?: unknown): Promise<unknown> {
  const { path } = await startTestServer();
  const caller = await callRaw(path);
  caller.request(method, params);
  return await caller.next();
}

describe("the socket", () => {
  test.each([0o000, 0o022, 0o077])("is for its owner alone, under umask %o", async (umask) => {
    const before = process.umask(umask);
    onTestFinished(() => void process.umask(before));
    const { path } = await startTestServer({ env: { XDG_RUNTIME_DIR: temporaryDirectory() } });
    expect(mode(path)).toBe("600");
    expect(mode(dirname(path))).toBe("700");
    expect(process.umask()).toBe(umask);
  });

  test("of a daemon that died is replaced", async () => {
    const directory = profileDirectory();
    const dead = createServer().listen(join(directory, "control.sock"));
    await once(dead, "listening");
    // Closing would remove the socket; a process that is killed leaves it.
    onTestFinished(() => void dead.close());
    const { path } = await startTestServer({ directory });
    const caller = await callRaw(path);
    caller.request("whoami");
    expect(await caller.next()).toMatchObject({ result: ALICE });
  });

  test("goes elsewhere when something that is no socket stands in its place", async () => {
    const directory = profileDirectory();
    const runtime = temporaryDirectory();
    const { path: place, stop } = await startControlServer({
      ...OPTIONS,
      directory,
      env: { XDG_RUNTIME_DIR: runtime },
    });
    await stop();
    writeFileSync(place, "precious");
    const { path } = await startTestServer({ directory, env: { XDG_RUNTIME_DIR: runtime } });
    expect(path).toBe(join(directory, "control.sock"));
    expect(lstatSync(place).isFile()).toBe(true);
  });

  test("does not follow a symbolic link that stands for its directory", async () => {
    const [directory, runtime, trap] = [profileDirectory(), temporaryDirectory(), temporaryDirectory()];
    symlinkSync(trap, join(runtime, "p2pchat"));
    const { path } = await startTestServer({ directory, env: { XDG_RUNTIME_DIR: runtime } });
    expect(path).toBe(join(directory, "control.sock"));
  });

  test("is gone once the server has stopped, and callers are cut off", async () => {
    const { path, stop } = await startTestServer();
    const caller = await callRaw(path);
    await stop();
    expect(await caller.next()).toBeUndefined();
    expect(lstatSync(path, { throwIfNoEntry: false })).toBeUndefined();
  });

  test("has a runtime directory that cannot be made passed over", async () => {
    const directory = profileDirectory();
    const { path } = await startTestServer({ directory, env: { XDG_RUNTIME_DIR: "/proc/nowhere" } });
    expect(path).toBe(join(directory, "control.sock"));
  });

  test("that fits nowhere is an error", async () => {
    const directory = profileDirectory();
    mkdirSync(join(directory, "control.sock"));
    mkdirSync(`/tmp/p2pchat-${process.geteuid?.()}`, { recursive: true, mode: 0o700 });
    const probe = await startControlServer({ ...OPTIONS, directory });
    await probe.stop();
    mkdirSync(probe.path);
    onTestFinished(() => rmdirSync(probe.path));
    await expectError(startControlServer({ ...OPTIONS, directory }), "STORAGE", "socket");
  });
});

describe("a caller", () => {
  test("is greeted with the version, the peer id and the process id", async () => {
    const { path } = await startTestServer();
    const socket = connect(path);
    onTestFinished(() => void socket.destroy());
    const [greeting] = await once(socket.setEncoding("utf8"), "data");
    expect(JSON.parse(greeting)).toEqual({
      jsonrpc: "2.0",
      method: "hello",
      params: { v: 1, peerId: ALICE.peerId, pid: process.pid },
    });
  });

  test("gets the answer to each request under its own id", async () => {
    const { path } = await startTestServer();
    const caller = await callRaw(path);
    caller.request("whoami", {}, "a");
    caller.request("lookup", { username: "bob" }, 2);
    const answers = [await caller.next(), await caller.next()];
    expect(answers).toContainEqual({ jsonrpc: "2.0", id: "a", result: ALICE });
    expect(answers).toContainEqual(
      expect.objectContaining({ id: 2, result: expect.objectContaining({ username: "bob" }) }),
    );
  });

  test("is not made to wait for its slow requests", async () => {
    const slow = Promise.withResolvers<never>();
    const { path } = await startTestServer({ operations: fakeOperations({ status: () => slow.promise }) });
    const caller = await callRaw(path);
    caller.request("status", {}, 1);
    caller.request("whoami", {}, 2);
    expect(await caller.next()).toMatchObject({ id: 2 });
  });
});

describe("a request is refused, and nothing is called,", () => {
  const send = { to: "bob", text: "hi", wait: "stored", timeoutMs: 1000 };

  test.each([
    ["an unknown method", "stop", {}, -32_601, "NOT_FOUND"],
    ["a method of Object.prototype", "toString", {}, -32_601, "NOT_FOUND"],
    ["__proto__", "__proto__", {}, -32_601, "NOT_FOUND"],
    ["a missing member", "lookup", {}, -32_602, "REQUEST_INVALID"],
    ["an unknown member", "lookup", { username: "bob", x: 1 }, -32_602, "REQUEST_INVALID"],
    ["a member of another type", "send", { ...send, timeoutMs: "10" }, -32_602, "REQUEST_INVALID"],
    ["another word", "send", { ...send, wait: "read" }, -32_602, "REQUEST_INVALID"],
    ["a time out of range", "send", { ...send, timeoutMs: 1e12 }, -32_602, "REQUEST_INVALID"],
    ["a text out of range", "send", { ...send, text: "a".repeat(70_000) }, -32_602, "REQUEST_INVALID"],
    ["members where none are taken", "whoami", { x: 1 }, -32_602, "REQUEST_INVALID"],
    ["an array of parameters", "lookup", ["bob"], -32_602, "REQUEST_INVALID"],
  ])("for %s", async (_what, method, params, rpcCode, code) => {
    expect(await answerTo(method, params)).toMatchObject({ id: 1, error: { code: rpcCode, data: { code } } });
  });

  test.each([
    ["without an id", '{"jsonrpc":"2.0","method":"whoami"}'],
    ["without a version", '{"id":1,"method":"whoami"}'],
    ["in a batch", '[{"jsonrpc":"2.0","id":1,"method":"whoami"}]'],
    ["that is a number", "1"],
    ["with an object for an id", '{"jsonrpc":"2.0","id":{},"method":"whoami"}'],
    ["with a number for a method", '{"jsonrpc":"2.0","id":1,"method":1}'],
  ])("%s; the connection stays", async (_what, line) => {
    const { path } = await startTestServer();
    const caller = await callRaw(path);
    caller.socket.write(`${line}\n`);
    expect(await caller.next()).toMatchObject({ error: { code: -32_600 } });
    caller.request("whoami");
    expect(await caller.next()).toMatchObject({ result: ALICE });
  });

  test("as a parse error when it is garbage, and the connection is closed", async () => {
    const { path } = await startTestServer();
    const caller = await callRaw(path);
    caller.socket.write("GET / HTTP/1.1\r\n\r\n");
    expect(await caller.next()).toMatchObject({ id: null, error: { code: -32_700 } });
    expect(await caller.next()).toBeUndefined();
  });
});

describe("what fails", () => {
  test("inside, keeps its text inside", async () => {
    const operations = fakeOperations({ status: () => Promise.reject(new TypeError("secret of /home/alice")) });
    const { path } = await startTestServer({ operations });
    const caller = await callRaw(path);
    caller.request("status");
    const answer = await caller.next();
    expect(answer).toMatchObject({ error: { code: -32_000, data: { code: "INTERNAL" } } });
    expect(JSON.stringify(answer)).not.toContain("secret");
  });
});

describe("a subscription", () => {
  test("tells events from the given place on, in order", async () => {
    const feed = fakeFeed([
      { type: "message", ...MESSAGE },
      { type: "presence", username: "bob", online: true },
    ]);
    const { path } = await startTestServer({ feed });
    const caller = await callRaw(path);
    caller.request("subscribe", { since: 6 });
    expect(await caller.next()).toMatchObject({ id: 1, result: {} });
    expect(await caller.next()).toEqual({ jsonrpc: "2.0", method: "event", params: { type: "message", ...MESSAGE } });
    expect(await caller.next()).toMatchObject({ params: { type: "presence" } });
    expect(feed.asked).toEqual([{ since: 6 }]);
    expect(feed.cursors).toEqual([]);
  });

  test("is one for each connection", async () => {
    const { path } = await startTestServer();
    const caller = await callRaw(path);
    caller.request("subscribe", {}, 1);
    caller.request("subscribe", {}, 2);
    expect([await caller.next(), await caller.next()]).toContainEqual(
      expect.objectContaining({ id: 2, error: expect.anything() }),
    );
  });

  test("ends with its connection", async () => {
    const ended = Promise.withResolvers<void>();
    const feed = {
      ...fakeFeed(),
      events: async function* ({ signal }: { signal: AbortSignal }) {
        signal.addEventListener("abort", () => ended.resolve(), { once: true });
        await ended.promise;
        yield* [];
      },
    };
    const { path } = await startTestServer({ feed });
    const caller = await callRaw(path);
    caller.request("subscribe");
    await caller.next();
    caller.socket.destroy();
    await ended.promise;
  });
});
