import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { ChatError } from "../../shared/errors.ts";
import type { Runtime } from "../messaging/runtime.ts";
import type { Callers } from "./callers.ts";
import type { Faults, Links } from "./links.ts";
import { Pump } from "./pump.ts";

const HOST = "127.0.0.1";

type Parts = {
  /** Whose gate it is. */
  readonly owner: string;
  readonly links: Links;
  readonly callers: Callers;
  readonly runtime: Pick<Runtime, "after" | "monotonic">;
};

type Passage = {
  readonly sockets: readonly [Socket, Socket];
  caller: string | undefined;
  pumps: readonly Pump[];
};

/**
 * The only way to a place of the sandbox: a port that stays, in front of one that changes with each start. Whoever comes is
 * let through with the faults of that link.
 */
export class Gate implements AsyncDisposable {
  readonly #parts: Parts;
  readonly #server: Server;
  readonly #passages = new Set<Passage>();
  #port = 0;
  /** The port behind; undefined while nobody is there. */
  target: number | undefined;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.#server = createServer(
      { noDelay: true, allowHalfOpen: true, pauseOnConnect: true },
      (socket) => void this.#accept(socket),
    );
  }

  /** @throws ChatError CONFIG_INVALID with reason `listen` where the port is taken */
  static async open(parts: Parts, port = 0): Promise<Gate> {
    const gate = new Gate(parts);
    const opened = Promise.withResolvers<void>();
    gate.#server.once("error", opened.reject).listen(port, HOST, opened.resolve);
    await opened.promise.catch((cause: unknown) => {
      throw new ChatError("CONFIG_INVALID", `port ${port} is not free`, { reason: "listen", cause });
    });
    gate.#port = (gate.#server.address() as AddressInfo).port;
    return gate;
  }

  get port(): number {
    return this.#port;
  }

  /** Looks at every connection again: a cut ends those that are there. */
  review(): void {
    for (const passage of this.#passages) {
      if (this.#faultsOf(passage).cut) for (const socket of passage.sockets) socket.resetAndDestroy();
      else for (const pump of passage.pumps) pump.review();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const { sockets } of this.#passages) for (const socket of sockets) socket.destroy();
    await closed;
  }

  async #accept(client: Socket): Promise<void> {
    client.on("error", () => undefined);
    const { links, callers, owner } = this.#parts;
    const asking = callers.find({ localPort: client.remotePort ?? 0, remotePort: this.port });
    const isSuspect = links.worstOf(owner).cut;
    const caller = isSuspect ? await asking : undefined;
    const { target } = this;
    const isShut = target === undefined || !this.#server.listening || this.#faultsOf({ caller }).cut;
    if (isShut) return void client.resetAndDestroy();
    const passage = this.#open(client, connect({ host: HOST, port: target, noDelay: true, allowHalfOpen: true }));
    passage.caller = caller ?? (await asking);
    this.review();
  }

  #open(client: Socket, server: Socket): Passage {
    const passage: Passage = { sockets: [client, server], caller: undefined, pumps: [] };
    this.#passages.add(passage);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.on("error", () => undefined);
      socket.once("close", (hadError) => {
        if (hadError) other.destroy();
        if (other.destroyed) this.#passages.delete(passage);
      });
    }
    const line = { faults: () => this.#faultsOf(passage), runtime: this.#parts.runtime };
    passage.pumps = [new Pump(client, server, line), new Pump(server, client, line)];
    return passage;
  }

  #faultsOf({ caller }: Pick<Passage, "caller">): Faults {
    const { links, owner } = this.#parts;
    return caller === undefined ? links.worstOf(owner) : links.between(caller, owner);
  }
}
