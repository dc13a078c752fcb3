import { once } from "node:events";
import type { Socket } from "node:net";
import { ChatError } from "../../shared/errors.ts";
import type { Feed, Operations, PresenceFeed } from "../messaging/operations.ts";
import { ConsumedFeed } from "./consumed-feed.ts";
import { callOperation, readSubscription } from "./methods.ts";
import { encodeError, encodeLine, isObject, LineReader, RPC_ERROR, type RpcId } from "./rpc.ts";

export const CONNECTION_LIMITS = {
  lineMaxBytes: 256 * 1024,
  maxInFlight: 16,
  /** How long a reader may leave its answers lying. */
  slowReaderMs: 10_000,
} as const;

export type ConnectionOptions = {
  readonly operations: Operations;
  readonly feed: Feed;
  readonly presence: PresenceFeed;
  readonly slowReaderMs?: number;
};

/** One caller: requests in, answers and events out, never more of either than the limits allow. */
export class ControlConnection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #ended = new AbortController();
  readonly #subscriptions = new Set<string>();
  readonly #consumed: ConsumedFeed;
  #drained: Promise<unknown> | undefined;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#consumed = new ConsumedFeed(options.feed, this.#ended.signal);
    socket.on("error", () => undefined);
    socket.once("close", () => this.#ended.abort());
  }

  /** Serves until the caller goes; never throws. */
  async serve(hello: object): Promise<void> {
    try {
      await this.#send({ method: "hello", params: hello });
      const lines = new LineReader(CONNECTION_LIMITS.lineMaxBytes);
      // Left open for what is still to be said.
      for await (const chunk of this.#socket.iterator({ destroyOnReturn: false })) {
        for (const message of lines.read(chunk)) await this.#accept(message);
      }
      await Promise.all(this.#inFlight);
    } catch (error) {
      await this.#refuse(error);
    } finally {
      this.close();
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Reading waits while too much is being done, or while answers are not fetched. */
  async #accept(message: unknown): Promise<void> {
    while (this.#inFlight.size >= CONNECTION_LIMITS.maxInFlight) await Promise.race(this.#inFlight);
    await this.#drained;
    if (this.#socket.destroyed) return;
    const work = this.#answer(message).finally(() => this.#inFlight.delete(work));
    this.#inFlight.add(work);
  }

  async #answer(message: unknown): Promise<void> {
    const id = idOf(message);
    try {
      if (id === undefined || !isObject(message) || message["jsonrpc"] !== "2.0") throw notARequest();
      const result = await this.#run(message["method"], message["params"]);
      await this.#send({ id, result: result ?? null });
    } catch (error) {
      const failure = asChatError(error);
      await this.#send({ id: id ?? null, error: encodeError(failure, rpcCode(failure)) });
    }
  }

  async #run(method: unknown, params: unknown): Promise<unknown> {
    if (typeof method !== "string") throw notARequest();
    const { operations, feed, presence } = this.#options;
    const { signal } = this.#ended;
    if (method === "subscribe") return this.#subscribe("event", feed.events({ ...readSubscription(params), signal }));
    if (method === "watchPresence") return this.#subscribe("presence", presence.events(signal));
    const consuming = this.#consumed.methodOf(method);
    if (consuming !== undefined) return await consuming(params);
    return await callOperation(operations, method, params);
  }

  /** Once for each kind: behind the answer, and for as long as the connection lasts. */
  #subscribe(kind: "event" | "presence", events: AsyncIterable<object>): object {
    if (this.#subscriptions.has(kind)) {
      throw new ChatError("REQUEST_INVALID", "already subscribed", { reason: "subscribed" });
    }
    this.#subscriptions.add(kind);
    setImmediate(() => void this.#forward(kind, events));
    return {};
  }

  async #forward(kind: string, events: AsyncIterable<object>): Promise<void> {
    const { signal } = this.#ended;
    try {
      for await (const event of events) await this.#send({ method: kind, params: event });
    } catch (error) {
      if (!signal.aborted) await this.#refuse(error);
    }
    this.close();
  }

  /** Says why, where it can still be said, before the connection is closed. */
  async #refuse(error: unknown): Promise<void> {
    const failure = asChatError(error);
    const code = failure.reason === "json" ? RPC_ERROR.parse : rpcCode(failure);
    if (!this.#socket.destroyed) await this.#send({ id: null, error: encodeError(failure, code) });
  }

  /** Resolves once the caller has room for more; who leaves no room for too long is cut off. */
  async #send(message: object): Promise<void> {
    if (this.#socket.destroyed) return;
    if (!this.#socket.write(encodeLine(message))) this.#drained ??= this.#waitForRoom();
    await this.#drained;
  }

  async #waitForRoom(): Promise<void> {
    const slow = setTimeout(() => this.close(), this.#options.slowReaderMs ?? CONNECTION_LIMITS.slowReaderMs);
    await once(this.#socket, "drain", { signal: this.#ended.signal }).catch(() => undefined);
    clearTimeout(slow);
    this.#drained = undefined;
  }
}

function idOf(message: unknown): RpcId | undefined {
  const id = isObject(message) ? message["id"] : undefined;
  return typeof id === "string" || typeof id === "number" ? id : undefined;
}

function notARequest(): ChatError {
  return new ChatError("REQUEST_INVALID", "not a JSON-RPC 2.0 request with an id", { reason: "request" });
}

function rpcCode({ code, reason }: ChatError): number {
  if (code === "NOT_FOUND" && reason === "method") return RPC_ERROR.methodNotFound;
  if (code === "REQUEST_INVALID" && reason === "params") return RPC_ERROR.invalidParams;
  if (code === "REQUEST_INVALID" && reason === "request") return RPC_ERROR.invalidRequest;
  return RPC_ERROR.failed;
}

/** What is not a ChatError is a fault of ours; its text stays here. */
function asChatError(error: unknown): ChatError {
  return error instanceof ChatError ? error : new ChatError("INTERNAL", "unexpected", { cause: error });
}
