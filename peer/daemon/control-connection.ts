import { once } from "node:events";
import type { Socket } from "node:net";
import { ChatError } from "../../shared/errors.ts";
import type { Feed, PresenceFeed } from "../messaging/operations/feed.ts";
import type { Access, Entry } from "../messaging/operations/tokens.ts";
import type { Operations } from "../messaging/operations.ts";
import { ConsumedFeed } from "./consumed-feed.ts";
import { readAuthentication, readCall, readSubscription } from "./methods.ts";
import { encodeError, encodeLine, isObject, LineReader, RPC_ERROR, type RpcId } from "./rpc.ts";

export const CONNECTION_LIMITS = {
  lineMaxBytes: 256 * 1024,
  maxInFlight: 16,
  /** How long a reader may leave its answers lying. */
  slowReaderMs: 10_000,
} as const;

/** What a caller is served; `misunderstood` hears of requests that never got there. */
type Served = {
  readonly operations: Operations;
  readonly feed: Feed;
  readonly presence: PresenceFeed;
  readonly misunderstood?: Entry["misunderstood"];
};
/** A request that is well formed. */
type Call = () => unknown;

/** For the owner: everything, at once. */
export type OwnerOptions = Served & { readonly slowReaderMs?: number };

/** For holders of tokens: nothing before one is shown, then what it allows. */
export type HolderOptions = {
  readonly access: Access;
  /** The caller has shown a token. @throws ChatError QUOTA (reason `connections`) */
  readonly admitted: () => void;
  readonly slowReaderMs?: number;
};

/** One caller: requests in, answers and events out, never more of either than the limits allow. */
export class ControlConnection {
  readonly #socket: Socket;
  readonly #options: OwnerOptions | HolderOptions;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #ended = new AbortController();
  readonly #subscriptions = new Set<string>();
  #served: (Served & { readonly consumed: ConsumedFeed }) | undefined;
  #drained: Promise<unknown> | undefined;
  /** No token, or a wrong one, was shown: nothing more is heard. */
  #failed = false;

  constructor(socket: Socket, options: OwnerOptions | HolderOptions) {
    this.#socket = socket;
    this.#options = options;
    if ("operations" in options) this.#serveAs(options);
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
      const result = await this.#read(message)();
      await this.#send({ id, result: result ?? null });
    } catch (error) {
      const failure = asChatError(error);
      await this.#send({ id: id ?? null, error: encodeError(failure, rpcCode(failure)) });
      if (this.#failed) this.#socket.destroySoon();
    }
  }

  /** @throws ChatError REQUEST_INVALID, NOT_FOUND (no such method); RATE_LIMITED, TOKEN_INVALID for too many such */
  #read(message: unknown): Call {
    const method = isObject(message) ? message["method"] : undefined;
    try {
      if (idOf(message) === undefined || !isObject(message) || message["jsonrpc"] !== "2.0") throw notARequest();
      if (typeof method !== "string") throw notARequest();
      return this.#callOf(method, message["params"]);
    } catch (error) {
      if (this.#served === undefined) this.#failed = true;
      this.#served?.misunderstood?.(method, asChatError(error).code);
      throw error;
    }
  }

  #callOf(method: string, params: unknown): Call {
    if (this.#served === undefined) return () => this.#admit(method, params);
    const { operations, feed, presence, consumed } = this.#served;
    const { signal } = this.#ended;
    if (method === "subscribe") {
      const options = readSubscription(params);
      return this.#subscription("event", () => feed.events({ ...options, signal }));
    }
    if (method === "watchPresence") return this.#subscription("presence", () => presence.events(signal));
    return consumed.read(method, params) ?? readCall(operations, method, params);
  }

  /** One try for each connection. @throws ChatError TOKEN_MISSING, TOKEN_INVALID, RATE_LIMITED, QUOTA, REQUEST_INVALID */
  #admit(method: string, params: unknown): object {
    if ("operations" in this.#options || this.#failed) throw new ChatError("TOKEN_MISSING", "this connection is over");
    this.#failed = true;
    if (method !== "authenticate") throw new ChatError("TOKEN_MISSING", "call authenticate first");
    const { access, admitted } = this.#options;
    const entry = access.authenticate(readAuthentication(params).token);
    entry.ended.addEventListener("abort", () => this.close(), { once: true });
    this.#ended.signal.addEventListener("abort", () => entry.close(), { once: true });
    admitted();
    this.#failed = false;
    this.#serveAs(entry);
    return entry.token;
  }

  #serveAs(served: Served): void {
    this.#served = { ...served, consumed: new ConsumedFeed(served.feed, this.#ended.signal) };
  }

  /** Once for each kind: behind the answer, and for as long as the connection lasts. */
  #subscription(kind: "event" | "presence", begin: () => AsyncIterable<object>): Call {
    if (this.#subscriptions.has(kind)) {
      throw new ChatError("REQUEST_INVALID", "already subscribed", { reason: "subscribed" });
    }
    return () => {
      const events = begin();
      this.#subscriptions.add(kind);
      setImmediate(() => void this.#forward(kind, events));
      return {};
    };
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
