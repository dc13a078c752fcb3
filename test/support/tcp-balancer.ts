import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A plain balancer: each connection goes to the next backend that takes it, and the bytes pass as they are. */
export class TcpBalancer implements AsyncDisposable {
  readonly #server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => void this.#accept(socket));
  readonly #sockets = new Set<Socket>();
  /** May be changed while it runs; connections that are there stay. */
  backends: readonly number[];
  #next = 0;

  private constructor(backends: readonly number[]) {
    this.backends = backends;
  }

  static async start(backends: readonly number[]): Promise<TcpBalancer> {
    const balancer = new TcpBalancer(backends);
    balancer.#server.listen(0, "127.0.0.1");
    await once(balancer.#server, "listening");
    return balancer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #accept(client: Socket): Promise<void> {
    this.#watch(client);
    const backend = await this.#connect();
    if (backend === undefined) return void client.destroy();
    client.pipe(backend).pipe(client);
    client.once("close", () => backend.destroy());
    backend.once("close", () => client.destroy());
  }

  async #connect(): Promise<Socket | undefined> {
    for (let tried = 0; tried < this.backends.length; tried += 1) {
      const port = this.backends[this.#next++ % this.backends.length] ?? 0;
      const backend = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
      this.#watch(backend);
      const isOpen = await Promise.race([
        new Promise<boolean>((resolve) => backend.once("connect", () => resolve(true))),
        new Promise<boolean>((resolve) => backend.once("close", () => resolve(false))),
      ]);
      if (isOpen) return backend;
    }
    return undefined;
  }

  #watch(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => this.#sockets.delete(socket));
  }
}
