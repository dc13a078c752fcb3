import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as after } from "node:timers/promises";

/** What happens to the bytes on their way, in both directions. */
export type Faults = {
  /** Every chunk arrives this much later. */
  readonly latencyMs?: number;
  /** Every byte is a write of its own. */
  readonly chop?: boolean;
  /** The connection ends (FIN) after this many bytes from the dialling side. */
  readonly cutAfterBytes?: number;
  /** Accepts, answers nothing, forwards nothing. */
  readonly blackHole?: boolean;
  /** Nothing passes before that, and nothing of it is lost: TCP sends it again. */
  readonly heldUntil?: Promise<void>;
  /** The same for what the dialling side sends alone. */
  readonly diallerHeldUntil?: Promise<void>;
};

/** A TCP proxy with a bad line. Peers verify each other's ids, so they do not notice it otherwise. */
export class FaultProxy {
  readonly #server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  readonly #target: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<Socket>();
  #faults: Faults;
  #forwarded = 0;

  constructor(target: { host: string; port: number }, faults: Faults) {
    this.#target = target;
    this.#faults = faults;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** How many chunks have passed, in both directions. */
  get forwarded(): number {
    return this.#forwarded;
  }

  /** The same device, behind the proxy. */
  address(device: string): string {
    return `/ip4/127.0.0.1/tcp/${this.port}/p2p/${device}`;
  }

  /** For bytes from now on, on connections that are there as well. */
  setFaults(faults: Faults): void {
    this.#faults = faults;
  }

  /** Ends every connection by RST. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(client: Socket): void {
    const server = connect({ ...this.#target, noDelay: true });
    const passed = { bytes: 0 };
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.on("error", () => {});
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      void this.#pump(from, to, from === client ? passed : { bytes: Number.NEGATIVE_INFINITY });
    }
  }

  async #pump(from: Socket, to: Socket, passed: { bytes: number }): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) await this.#forward(chunk, to, passed);
      to.end();
    } catch {
      to.destroy();
    }
  }

  async #forward(chunk: Buffer, to: Socket, passed: { bytes: number }): Promise<void> {
    const {
      latencyMs = 0,
      chop = false,
      cutAfterBytes = Number.POSITIVE_INFINITY,
      blackHole = false,
      heldUntil,
      diallerHeldUntil,
    } = this.#faults;
    if (blackHole) return;
    await heldUntil;
    if (Number.isFinite(passed.bytes)) await diallerHeldUntil;
    if (latencyMs > 0) await after(latencyMs);
    const allowed = chunk.subarray(0, Math.max(0, cutAfterBytes - passed.bytes));
    passed.bytes += allowed.length;
    this.#forwarded += 1;
    for (const piece of chop ? [...allowed].map((byte) => Uint8Array.of(byte)) : [allowed]) {
      if (!to.write(piece)) await new Promise((resolve) => to.once("drain", resolve).once("close", resolve));
    }
    if (allowed.length < chunk.length) to.destroySoon();
  }
}

export async function startFaultProxy(
  target: { host: string; port: number },
  faults: Faults = {},
): Promise<FaultProxy> {
  const proxy = new FaultProxy(target, faults);
  await proxy.start();
  return proxy;
}
