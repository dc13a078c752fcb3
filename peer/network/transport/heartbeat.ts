import type { CircuitRelayServerComponents } from "@libp2p/circuit-relay-v2";
import type { Connection } from "@libp2p/interface";
import type { Runtime } from "../../messaging/runtime.ts";
import type { NetworkLimits } from "../limits.ts";
import { ping } from "./muxer.ts";
import { bytesHeard } from "./tcp.ts";

type Options = {
  readonly limits: Pick<NetworkLimits, "pingIntervalMs" | "pingTimeoutMs">;
  readonly runtime: Pick<Runtime, "after" | "monotonic">;
};

type Components = {
  readonly connectionManager: Pick<CircuitRelayServerComponents["connectionManager"], "getConnections">;
};

type Life = {
  /** What had come in when it was last looked at. */
  bytes: number | undefined;
  heardAtMs: number;
  /** Since when the other side owes a sign of life. */
  askedAtMs: number | undefined;
  isAsking: boolean;
};

const LOOKS_PER_INTERVAL = 4;
/** So many intervals after the last, a look finds that this process stood still. */
const STOOD_STILL = 3;

/**
 * Notices connections whose other side is gone. Whatever comes in is a sign of life, the other side's question whether this
 * one is there too: so one of the two asks, and with traffic neither does. libp2p's own monitor asks on every connection,
 * from both sides.
 */
export function heartbeat(options: Options): (components: Components) => Heartbeat {
  return ({ connectionManager }) => new Heartbeat(() => connectionManager.getConnections(), options);
}

/** libp2p starts and stops it with the node. */
export class Heartbeat {
  readonly #connections: () => readonly Connection[];
  readonly #options: Options;
  readonly #lives = new WeakMap<Connection, Life>();
  #cancel = () => {};
  #lookedAtMs: number | undefined;

  constructor(connections: () => readonly Connection[], options: Options) {
    this.#connections = connections;
    this.#options = options;
  }

  start(): void {
    const { limits, runtime } = this.#options;
    const intervalMs = limits.pingIntervalMs / LOOKS_PER_INTERVAL;
    this.#cancel = runtime.after(intervalMs, () => {
      const nowMs = runtime.monotonic();
      const stoodStill = nowMs - (this.#lookedAtMs ?? nowMs) > STOOD_STILL * intervalMs;
      this.#lookedAtMs = nowMs;
      for (const connection of this.#connections()) this.#look(connection, { nowMs, stoodStill });
      this.start();
    });
  }

  stop(): void {
    this.#cancel();
  }

  #look(connection: Connection, { nowMs, stoodStill }: { nowMs: number; stoodStill: boolean }): void {
    const { pingIntervalMs, pingTimeoutMs } = this.#options.limits;
    const life = this.#lifeOf(connection, nowMs);
    const bytes = bytesHeard(connection);
    if (bytes !== life.bytes) {
      life.bytes = bytes;
      hear(life, nowMs);
    }
    if (nowMs - life.heardAtMs < pingIntervalMs) return;
    // not by how long it was silent: this process may have stood still, and not have read what has come meanwhile
    if (stoodStill) life.askedAtMs = undefined;
    life.askedAtMs ??= nowMs;
    if (nowMs - life.askedAtMs >= pingTimeoutMs) connection.abort(new Error("nothing was heard"));
    else if (!life.isAsking) this.#ask(connection, life);
  }

  #ask(connection: Connection, life: Life): void {
    life.isAsking = true;
    ping(connection)
      .then(() => hear(life, this.#options.runtime.monotonic()))
      // the time to answer is what counts
      .catch(() => undefined)
      .finally(() => {
        life.isAsking = false;
      });
  }

  #lifeOf(connection: Connection, nowMs: number): Life {
    const known = this.#lives.get(connection);
    if (known !== undefined) return known;
    const life = { bytes: bytesHeard(connection), heardAtMs: nowMs, askedAtMs: undefined, isAsking: false };
    this.#lives.set(connection, life);
    return life;
  }
}

function hear(life: Life, nowMs: number): void {
  life.heardAtMs = nowMs;
  life.askedAtMs = undefined;
}
