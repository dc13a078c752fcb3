import { on } from "node:events";
import { lstatSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { ChatError } from "../../shared/errors.ts";
import type { ChatEvent, ConsumeOptions, Consumer, PresenceEvent, PresenceFeed } from "../messaging/operations/feed.ts";
import type { OperationName, Operations } from "../messaging/operations.ts";
import { ClientConnection, type ClientOptions } from "./client-connection.ts";
import { OPERATION_NAMES } from "./operation-names.ts";
import { CONTROL_VERSION } from "./rpc.ts";

/** A running daemon's operations, seen from another process. */
export interface ServedClient {
  readonly operations: Operations;
  readonly presence: PresenceFeed;
  /** Once for each client. @throws ChatError PROFILE_BUSY (reason `consumer`) */
  consume(options: ConsumeOptions): Promise<Consumer>;
  close(): void;
}

export interface ControlClient extends ServedClient {
  readonly pid: number;
}

export type ConnectOptions = ClientOptions & {
  /** Candidates, best first. */
  readonly paths: readonly string[];
  /** Who the daemon must be. */
  readonly peerId: string;
  /** For a greeting. */
  readonly timeoutMs: number;
};

export type TokenOptions = ClientOptions & {
  /** Of the API socket. */
  readonly path: string;
  readonly token: string;
  /** For a greeting. */
  readonly timeoutMs: number;
};

/**
 * Connects to the daemon of a profile; undefined where none answers.
 *
 * @throws ChatError DAEMON_MISMATCH, INTERRUPTED
 */
export async function connectToDaemon(options: ConnectOptions): Promise<ControlClient | undefined> {
  for (const path of options.paths) {
    if (!isOurs(path)) continue;
    const client = await connectTo(path, options);
    if (client !== undefined) return client;
  }
  return undefined;
}

/** A socket that another user planted is not our daemon, whatever it says. */
function isOurs(path: string): boolean {
  const user = process.geteuid?.();
  const [socket, directory] = [find(path), find(dirname(path))];
  if (!socket?.isSocket() || !directory?.isDirectory()) return false;
  return socket.uid === user && directory.uid === user && (directory.mode & 0o022) === 0;
}

function find(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}

/**
 * Connects as the holder of a token; undefined where nobody answers.
 *
 * @throws ChatError CONFIG_INVALID where others could have put up the socket; DAEMON_MISMATCH, TOKEN_INVALID, RATE_LIMITED,
 *   QUOTA, INTERRUPTED
 */
export async function connectWithToken({ path, token, ...options }: TokenOptions): Promise<ServedClient | undefined> {
  const [socket, directory] = [find(path), find(dirname(path))];
  if (socket === undefined) return undefined;
  if (!socket.isSocket() || !directory?.isDirectory() || (directory.mode & 0o022) !== 0) {
    throw new ChatError("CONFIG_INVALID", "an API socket lies in a directory where others cannot write");
  }
  return await greeted(path, options, async (greeting, connection) => {
    if (greeting["v"] !== CONTROL_VERSION || greeting["api"] !== true) throw mismatch(greeting["pid"], "version");
    await connection.call("authenticate", { token });
    return servedOver(connection);
  });
}

async function connectTo(path: string, { peerId, ...options }: ConnectOptions): Promise<ControlClient | undefined> {
  return await greeted(path, options, async (greeting, connection) => {
    assertGreeting(greeting, peerId);
    return { ...servedOver(connection), pid: Number(greeting["pid"]) };
  });
}

type Greeting = Readonly<Record<string, unknown>>;

/** What comes of a greeting; the connection is closed where nothing does. */
async function greeted<T>(
  path: string,
  { timeoutMs, ...options }: ClientOptions & { readonly timeoutMs: number },
  proceed: (greeting: Greeting, connection: ClientConnection) => Promise<T>,
): Promise<T | undefined> {
  // Loaded here, so that commands that never get this far (help, a wrong option) do not pay for it.
  const { connect } = await import("node:net");
  const connection = new ClientConnection(connect(path), options);
  try {
    const greeting = await connection.greeting(timeoutMs);
    options.signal.throwIfAborted();
    if (greeting !== undefined) return await proceed(greeting, connection);
  } catch (error) {
    connection.close();
    throw error;
  }
  connection.close();
  return undefined;
}

function servedOver(connection: ClientConnection): ServedClient {
  return {
    operations: remoteOperations(connection),
    presence: { events: (until) => remotePresence(connection, until) },
    consume: (options) => consumeRemotely(connection, options),
    close: () => connection.close(),
  };
}

function assertGreeting({ v, peerId, pid }: Greeting, expected: string): void {
  if (v !== CONTROL_VERSION) throw mismatch(pid, "version");
  if (peerId !== expected) throw mismatch(pid, "peer-id");
}

function mismatch(pid: unknown, reason: "version" | "peer-id"): ChatError {
  const why = reason === "version" ? "is of another version of p2pchat" : "belongs to another profile";
  const which = pid === undefined ? "" : ` (process ${String(pid)})`;
  return new ChatError("DAEMON_MISMATCH", `the daemon that answers${which} ${why}`, { reason, details: { pid } });
}

function remoteOperations(connection: ClientConnection): Operations {
  const call = (name: OperationName) => (params?: object) => connection.call(name, params ?? {});
  // The server checks what goes in, and is the same program at the same version.
  return Object.fromEntries(OPERATION_NAMES.map((name) => [name, call(name)])) as unknown as Operations;
}

/** The daemon sends no more than is read, so what waits here is bounded by it. */
async function* remotePresence(connection: ClientConnection, signal: AbortSignal): AsyncIterable<PresenceEvent> {
  try {
    const notices = on(connection.notices, "presence", { signal });
    await connection.call("watchPresence", {});
    for await (const [event] of notices) yield event as PresenceEvent;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function consumeRemotely(connection: ClientConnection, options: ConsumeOptions): Promise<Consumer> {
  // The server is the same program at the same version.
  const { ahead } = (await connection.call("consume", options)) as Pick<Consumer, "ahead">;
  connection.outliveInterruption();
  return {
    ...(ahead !== undefined && { ahead }),
    events: (signal) => remoteEvents(connection, signal),
    async acknowledge(cursor, beyond) {
      await connection.call("acknowledge", { cursor, ...(beyond !== undefined && { ahead: beyond }) });
    },
    close: () => connection.close(),
  };
}

async function* remoteEvents(connection: ClientConnection, signal: AbortSignal): AsyncIterable<ChatEvent> {
  while (!signal.aborted) {
    // The server is the same program at the same version.
    const event = (await connection.waitFor("nextEvent", signal)) as ChatEvent | null | undefined;
    if (event == null) return;
    yield event;
  }
}
