import { readFileSync } from "node:fs";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { SERVER_LIMITS } from "./limits.ts";

/** How many connections this process can hold open, its file descriptors considered. */
export function connectionCapacity(): number {
  return Math.max(1, Math.min(SERVER_LIMITS.maxConnections, openFileLimit() - SERVER_LIMITS.reservedDescriptors));
}

function openFileLimit(): number {
  try {
    const [, limit] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1")) ?? [];
    return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

type Connection = { readonly socket: Socket; res: ServerResponse | undefined };

/**
 * Keeps the number of connections below a cap. At the cap a newcomer takes the place of the oldest connection that is
 * idle, still sending its request or slow to read its answer: refusing newcomers would let a few hundred slow clients
 * shut out everybody else.
 */
export class Connections {
  readonly #server: Server;
  /** Oldest first; by both ends, as TLS wraps the socket of a request. */
  readonly #open = new Map<string, Connection>();
  #draining = false;
  #displaced = 0;

  constructor(server: Server, capacity: number) {
    this.#server = server;
    server.on("connection", (socket: Socket) => {
      if (this.#open.size >= capacity) this.#makeRoom();
      if (this.#open.size >= capacity) socket.destroy();
      else this.#admit(socket);
    });
    server.prependListener("request", (req: IncomingMessage, res: ServerResponse) => {
      const connection = this.#open.get(endsOf(req.socket));
      if (connection !== undefined) connection.res = res;
      if (this.#draining) closeAfter(res);
    });
  }

  get size(): number {
    return this.#open.size;
  }

  /** How many had to go for others. */
  get displaced(): number {
    return this.#displaced;
  }

  #admit(socket: Socket): void {
    const ends = endsOf(socket);
    const connection = { socket, res: undefined };
    this.#open.set(ends, connection);
    socket.once("close", () => {
      if (this.#open.get(ends) === connection) this.#open.delete(ends);
    });
  }

  #makeRoom(): void {
    for (const [ends, { socket, res }] of this.#open) {
      if (res?.req.complete && !res.writableEnded) continue;
      this.#open.delete(ends);
      this.#displaced += 1;
      socket.destroy();
      return;
    }
  }

  /** Takes no more connections and waits until the requests that have begun are answered, or the time is up. */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const { socket, res } of this.#open.values()) {
      if (res === undefined || res.writableFinished) socket.destroy();
      else closeAfter(res);
    }
    const deadline = setTimeout(() => this.#abort(), timeoutMs);
    await closed;
    clearTimeout(deadline);
  }

  #abort(): void {
    for (const { socket } of this.#open.values()) socket.destroy();
  }
}

/** The port that all connections share left out. */
function endsOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}

function closeAfter(res: ServerResponse): void {
  if (!res.headersSent) res.setHeader("connection", "close");
  res.once("close", () => res.req.socket.destroySoon());
}
