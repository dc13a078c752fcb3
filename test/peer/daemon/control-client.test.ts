import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { type ControlClient, connectToDaemon } from "../../../peer/daemon/control-client.ts";
import { ChatError } from "../../../shared/errors.ts";
import { profileDirectory, startTestServer } from "../../support/control-socket.ts";
import { expectError } from "../../support/expect-error.ts";
import { ALICE, fakeOperations, fakePresence } from "../../support/fake-operations.ts";

const never = new AbortController().signal;

function connectTo(path: string, signal = never): Promise<ControlClient | undefined> {
  return connectToDaemon({ paths: [path], peerId: ALICE.peerId, timeoutMs: 5000, signal });
}

async function clientOf(path: string, signal = never): Promise<ControlClient> {
  const client = await connectTo(path, signal);
  if (client === undefined) throw new Error("no daemon answers");
  onTestFinished(() => client.close());
  return client;
}

/** Something that listens where a daemon should, and says what the test wants. */
async function startImpostor(serve: (socket: Socket) => void): Promise<string> {
  const path = join(profileDirectory(), "control.sock");
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    onTestFinished(() => void socket.destroy());
    serve(socket);
  }).listen(path);
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return path;
}

function hello(params: object): string {
  return `${JSON.stringify({ jsonrpc: "2.0", method: "hello", params })}\n`;
}

test("a daemon that greets and then answers nothing is not waited for for ever", async () => {
  const path = await startImpostor((socket) => socket.write(hello({ v: 1, peerId: ALICE.peerId, pid: 1 })));
  const options = { paths: [path], peerId: ALICE.peerId, timeoutMs: 5000, callTimeoutMs: 20, signal: never };
  const client = await connectToDaemon(options);
  onTestFinished(() => client?.close());
  await expectError(client?.operations.whoami() ?? Promise.resolve(), "TIMED_OUT", "daemon");
});

test("operations run in the daemon, and their results come back", async () => {
  const { path } = await startTestServer();
  const { operations, pid } = await clientOf(path);
  expect(pid).toBe(process.pid);
  expect(await operations.whoami()).toEqual(ALICE);
  const [record, sent] = await Promise.all([
    operations.lookup({ username: "bob" }),
    operations.send({ to: "bob", text: "hi\n\u2028", wait: "stored", timeoutMs: 10 }),
  ]);
  expect(record.username).toBe("bob");
  expect(sent.state).toBe("stored");
});

test.each(["queued", "relayed", "stored"] as const)("a caller may wait until a message is %s", async (wait) => {
  const { path } = await startTestServer();
  const { operations } = await clientOf(path);
  expect(await operations.send({ to: "bob", text: "hi", wait, timeoutMs: 10 })).toMatchObject({ to: "bob" });
});

test("an error arrives as it was thrown", async () => {
  const details = { oldFingerprint: "a", newFingerprint: "b" };
  const send = () => Promise.reject(new ChatError("KEY_CHANGED", "bob's key changed", { reason: "pin", details }));
  const { path } = await startTestServer({ operations: fakeOperations({ send }) });
  const { operations } = await clientOf(path);
  const error = await expectError(
    operations.send({ to: "bob", text: "hi", wait: "stored", timeoutMs: 10 }),
    "KEY_CHANGED",
    "pin",
  );
  expect(error.message).toBe("bob's key changed");
  expect(error.details).toEqual(details);
});

describe("no daemon is found", () => {
  test("where there is no socket, nor a directory", async () => {
    expect(await connectTo(join(profileDirectory(), "control.sock"))).toBeUndefined();
    expect(await connectTo("/proc/nowhere/p2pchat/x.sock")).toBeUndefined();
  });

  test("where a socket was left behind", async () => {
    const path = await startImpostor((socket) => socket.destroy());
    expect(await connectTo(path)).toBeUndefined();
  });

  test("where a file stands instead", async () => {
    const path = join(profileDirectory(), "control.sock");
    writeFileSync(path, "");
    expect(await connectTo(path)).toBeUndefined();
  });

  test("where others could have planted one", async () => {
    const { path } = await startTestServer();
    chmodSync(dirname(path), 0o777);
    expect(await connectTo(path)).toBeUndefined();
    chmodSync(dirname(path), 0o700);
    expect(await connectTo(path)).toBeDefined();
  });

  test("where it says nothing in time", async () => {
    const path = await startImpostor(() => undefined);
    expect(await connectToDaemon({ paths: [path], peerId: "x", timeoutMs: 20, signal: never })).toBeUndefined();
  });
});

test("the first place that answers is taken", async () => {
  const { path } = await startTestServer();
  const paths = ["/nowhere/x.sock", path];
  expect(await connectToDaemon({ paths, peerId: ALICE.peerId, timeoutMs: 5000, signal: never })).toBeDefined();
});

describe("a daemon is refused, and is sent nothing,", () => {
  test.each([
    ["of another profile", { v: 1, peerId: "12D3KooWMallory", pid: 1 }, "peer-id"],
    ["of another version", { v: 2, peerId: ALICE.peerId, pid: 1 }, "version"],
    ["that does not say who it is", {}, "version"],
  ])("%s", async (_what, greeting, reason) => {
    const received: unknown[] = [];
    const path = await startImpostor((socket) => {
      socket.on("data", (data) => received.push(data));
      socket.write(hello(greeting));
    });
    await expectError(connectTo(path), "DAEMON_MISMATCH", reason);
    expect(received).toEqual([]);
  });
});

describe("a call ends", () => {
  const greeting = hello({ v: 1, peerId: ALICE.peerId, pid: 1 });

  test("when the daemon dies before it answers, as does each later call", async () => {
    const path = await startImpostor((socket) => {
      socket.write(greeting);
      socket.once("data", () => socket.destroy());
    });
    const { operations } = await clientOf(path);
    await expectError(operations.whoami(), "PEER_UNREACHABLE", "daemon");
    await expectError(operations.whoami(), "PEER_UNREACHABLE", "daemon");
  });

  test("when the answer is garbage", async () => {
    const path = await startImpostor((socket) => {
      socket.write(greeting);
      socket.once("data", () => socket.write("garbage\n"));
    });
    await expectError((await clientOf(path)).operations.whoami(), "INTERNAL");
  });

  test("when the person interrupts it", async () => {
    const interrupted = new AbortController();
    const path = await startImpostor((socket) => {
      socket.write(greeting);
      socket.once("data", () => interrupted.abort(new ChatError("INTERRUPTED", "interrupted")));
    });
    await expectError((await clientOf(path, interrupted.signal)).operations.whoami(), "INTERRUPTED");
  });
});

describe("presence", () => {
  const bob = { type: "presence", username: "bob", devices: [], contact: true, online: true, initial: true } as const;

  test("arrives as it is told, until the reader has had enough", async () => {
    const { path } = await startTestServer({ presence: fakePresence([bob, { ...bob, online: false }]) });
    const { presence } = await clientOf(path);
    const stop = new AbortController();
    const events = presence.events(stop.signal)[Symbol.asyncIterator]();
    expect([(await events.next()).value, (await events.next()).value]).toEqual([bob, { ...bob, online: false }]);
    const end = events.next();
    stop.abort();
    expect(await end).toEqual({ done: true, value: undefined });
  });

  test("ends with the error that ended it in the daemon", async () => {
    const events = async function* () {
      yield bob;
      throw new ChatError("NOT_FOUND", "the naming server is too old");
    };
    const { path } = await startTestServer({ presence: { events } });
    const { presence } = await clientOf(path);
    const told = presence.events(never)[Symbol.asyncIterator]();
    expect((await told.next()).value).toEqual(bob);
    await expectError(told.next(), "NOT_FOUND");
  });

  test("ends with an error where the daemon ends", async () => {
    const server = await startTestServer({ presence: fakePresence([bob]) });
    const { presence } = await clientOf(server.path);
    const told = presence.events(never)[Symbol.asyncIterator]();
    await told.next();
    const next = expectError(told.next(), "PEER_UNREACHABLE", "daemon");
    await server.stop();
    await next;
  });

  test("is told once on each connection", async () => {
    const { path } = await startTestServer();
    const { presence } = await clientOf(path);
    const first = presence.events(never)[Symbol.asyncIterator]().next();
    await expectError(presence.events(never)[Symbol.asyncIterator]().next(), "REQUEST_INVALID", "subscribed");
    await Promise.race([first, Promise.resolve()]);
  });
});
