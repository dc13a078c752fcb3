import { EventEmitter, on } from "node:events";
import { lstatSync, type Stats } from "node:fs";
import type { Socket } from "node:net";
import { dirname } from "node:path";
import { ChatError } from "../../shared/errors.ts";
import type { ChatEvent, ConsumeOptions, Consumer, PresenceEvent, PresenceFeed } from "../messaging/operations/feed.ts";
import type { OperationName, Operations } from "../messaging/operations.ts";
import { OPERATION_NAMES } from "./operation-names.ts";
import { CONTROL_VERSION, decodeError, encodeLine, isObject, LineReader } from "./rpc.ts";

/** A running daemon's operations, seen from another process. */
export interface ControlClient {
  readonly operations: Operations;
  readonly presence: PresenceFeed;
  /** Once for each client. @throws ChatError PROFILE_BUSY (reason `consumer`) */
  consume(options: ConsumeOptions): Promise<Consumer>;
  readonly pid: number;
  close(): void;
}

export type ConnectOptions = {
  /** Candidates, best first. */
  readonly paths: readonly string[];
  /** Who the daemon must be. */
  readonly peerId: string;
  /** For a greeting. */
  readonly timeoutMs: number;
  /** For an answer, beside what the call itself may wait; a minute unless said otherwise. */
  readonly callTimeoutMs?: number;
  readonly signal: AbortSignal;
};

/** The daemon is the user's own program; the limit only stops a runaway. */
const MAX_LINE_BYTES = 256 * 1024 * 1024;
const CALL_TIMEOUT_MS = 60_000;

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

async function connectTo(
  path: string,
  { peerId, timeoutMs, callTimeoutMs = CALL_TIMEOUT_MS, signal }: ConnectOptions,
): Promise<ControlClient | undefined> {
  // Loaded here, so that commands that never get this far (help, a wrong option) do not pay for it.
  const { connect } = await import("node:net");
  const connection = new ClientConnection(connect(path), { callTimeoutMs, signal });
  const greeting = await connection.greeting(timeoutMs);
  signal.throwIfAborted();
  if (greeting === undefined) {
    connection.close();
    return undefined;
  }
  try {
    assertGreeting(greeting, peerId);
  } catch (error) {
    connection.close();
    throw error;
  }
  const { pid } = greeting;
  return {
    operations: remoteOperations(connection),
    presence: { events: (until) => remotePresence(connection, until) },
    consume: (options) => consumeRemotely(connection, options),
    pid: Number(pid),
    close: () => connection.close(),
  };
}

function assertGreeting({ v, peerId: actual, pid }: Readonly<Record<string, unknown>>, expected: string): void {
  if (v === CONTROL_VERSION && actual === expected) return;
  const why = v === CONTROL_VERSION ? "belongs to another profile" : "is of another version of p2pchat";
  throw new ChatError("DAEMON_MISMATCH", `the daemon that answers (process ${String(pid)}) ${why}`, {
    reason: v === CONTROL_VERSION ? "peer-id" : "version",
    details: { pid },
  });
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
  await connection.call("consume", options);
  connection.outliveInterruption();
  return {
    events: (signal) => remoteEvents(connection, signal),
    acknowledge: async (cursor) => void (await connection.call("acknowledge", { cursor })),
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

type Method = OperationName | "watchPresence" | "consume" | "nextEvent" | "acknowledge";
type Waiting = { resolve(result: unknown): void; reject(error: ChatError): void };

class ClientConnection {
  readonly #socket: Socket;
  readonly #callTimeoutMs: number;
  /** `presence` for each such notification, `error` once nothing more comes. */
  readonly notices = new EventEmitter();
  readonly #lines = new LineReader(MAX_LINE_BYTES);
  readonly #waiting = new Map<number, Waiting>();
  readonly #greeting = Promise.withResolvers<Readonly<Record<string, unknown>> | undefined>();
  #failure: ChatError | undefined;
  #nextId = 1;
  /** From then on an interruption leaves the connection alone: what was begun can still be acknowledged. */
  readonly outliveInterruption: () => void;

  constructor(socket: Socket, { callTimeoutMs, signal }: { callTimeoutMs: number; signal: AbortSignal }) {
    this.#socket = socket;
    this.#callTimeoutMs = callTimeoutMs;
    const interrupt = () => this.#fail(signal.reason);
    signal.addEventListener("abort", interrupt, { once: true });
    this.outliveInterruption = () => signal.removeEventListener("abort", interrupt);
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.outliveInterruption();
      this.#fail(new ChatError("PEER_UNREACHABLE", "the daemon ended before it answered", { reason: "daemon" }));
    });
  }

  async greeting(timeoutMs: number): Promise<Readonly<Record<string, unknown>> | undefined> {
    const timer = setTimeout(() => this.#greeting.resolve(undefined), timeoutMs);
    try {
      return await this.#greeting.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  async call(method: Method, params: object): Promise<unknown> {
    const own = "timeoutMs" in params ? Number(params.timeoutMs) : 0;
    return await this.#request(method, params, ({ reject }) => {
      const late = new ChatError("TIMED_OUT", "the daemon does not answer", { reason: "daemon" });
      const timer = setTimeout(() => reject(late), own + this.#callTimeoutMs);
      return () => clearTimeout(timer);
    });
  }

  /** The answer, however long it takes; undefined once `signal` aborts. */
  async waitFor(method: Method, signal: AbortSignal): Promise<unknown> {
    return await this.#request(method, {}, ({ resolve }) => {
      const stop = () => resolve(undefined);
      signal.addEventListener("abort", stop, { once: true });
      return () => signal.removeEventListener("abort", stop);
    });
  }

  /** @param limit  may end the waiting early; what it returns undoes it */
  async #request(method: Method, params: object, limit: (waiting: Waiting) => () => void): Promise<unknown> {
    if (this.#failure) throw this.#failure;
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const unlimit = limit({ resolve, reject });
    this.#waiting.set(id, { resolve, reject });
    this.#socket.write(encodeLine({ id, method, params }));
    try {
      return await promise;
    } finally {
      unlimit();
      this.#waiting.delete(id);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    try {
      for (const message of this.#lines.read(chunk)) this.#take(message);
    } catch {
      this.#fail(new ChatError("INTERNAL", "the daemon's answer is not well formed"));
    }
  }

  #take(message: unknown): void {
    if (!isObject(message)) return;
    if (message["method"] === "presence") this.notices.emit("presence", message["params"]);
    // Of no request: the daemon says why it ends the connection.
    if (message["id"] === null && "error" in message) this.#fail(decodeError(message["error"]));
    if (message["method"] === "hello") this.#greeting.resolve(isObject(message["params"]) ? message["params"] : {});
    const waiting = this.#waiting.get(Number(message["id"]));
    if ("error" in message) waiting?.reject(decodeError(message["error"]));
    else waiting?.resolve(message["result"]);
  }

  #fail(error: ChatError): void {
    this.#failure ??= error;
    this.#greeting.resolve(undefined);
    for (const { reject } of this.#waiting.values()) reject(error);
    if (this.notices.listenerCount("error") > 0) this.notices.emit("error", this.#failure);
    this.#socket.destroy();
  }
}
