import { mkdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";
import { type ControlServer, type ControlServerOptions, startControlServer } from "../../peer/daemon/control-server.ts";
import { ALICE, fakeFeed, fakeOperations, fakePresence } from "./fake-operations.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** A control server in a fresh profile directory, gone with the test. */
export async function startTestServer(options: Partial<ControlServerOptions> = {}): Promise<ControlServer> {
  const server = await startControlServer({
    directory: profileDirectory(),
    env: {},
    peerId: ALICE.peerId,
    operations: fakeOperations(),
    feed: fakeFeed(),
    presence: fakePresence(),
    ...options,
  });
  onTestFinished(() => server.stop());
  return server;
}

export function profileDirectory(): string {
  const path = join(temporaryDirectory(), "default");
  mkdirSync(path, { mode: 0o700 });
  return path;
}

export type RawCaller = {
  readonly socket: Socket;
  /** The next message of the server; undefined once it has closed the connection. */
  next(): Promise<unknown>;
  request(method: string, params?: unknown, id?: unknown): void;
};

/** Speaks to the socket without our client, as an attacker would; the greeting is read already. */
export async function callRaw(path: string): Promise<RawCaller> {
  const socket = connect(path);
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => undefined);
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const next = async () => {
    const { done, value } = await lines.next();
    return done ? undefined : JSON.parse(value);
  };
  const caller: RawCaller = {
    socket,
    next,
    request: (method, params, id = 1) => socket.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`),
  };
  await next();
  return caller;
}

/** Resolves once a connection is closed, in peace or by an error. */
export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    socket.once("close", () => resolve());
  });
}
