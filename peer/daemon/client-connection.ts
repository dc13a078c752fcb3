import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { ChatError } from "../../shared/errors.ts";
import type { OperationName } from "../messaging/operations.ts";
import { decodeError, encodeLine, isObject, LineReader } from "./rpc.ts";

/** The daemon is the user's own program; the limit only stops a runaway. */
const MAX_LINE_BYTES = 256 * 1024 * 1024;
const CALL_TIMEOUT_MS = 60_000;

type Method = OperationName | "authenticate" | "watchPresence" | "consume" | "nextEvent" | "acknowledge";
type Waiting = { resolve(result: unknown): void; reject(error: ChatError): void };

export type ClientOptions = {
  readonly signal: AbortSignal;
  /** For an answer, beside what the call itself may wait; a minute unless said otherwise. */
  readonly callTimeoutMs?: number;
};

/** The caller's end of a socket of a daemon: requests out, answers and notices in. */
export class ClientConnection {
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

  constructor(socket: Socket, { callTimeoutMs = CALL_TIMEOUT_MS, signal }: ClientOptions) {
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
