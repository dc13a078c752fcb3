import type { Connection } from "@libp2p/interface";
import { ChatError, isChatError } from "../../../shared/errors.ts";
import type { Runtime } from "../../messaging/runtime.ts";
import type { NetworkLimits } from "../limits.ts";
import { ping } from "../transport/muxer.ts";
import { bytesHeard } from "../transport/tcp.ts";
import { within } from "../waiting.ts";
import type { Reservation } from "./reservations.ts";
import { reserve } from "./reserve.ts";

/** What shows a device where others can meet it: connections to relays that come from the port it listens on. */
export interface Meeting {
  /** True too where none could. */
  comesFromPort(connection: Connection): Promise<boolean>;
  /** Asks the relay once more where it sees that connection come from, unless it has said. Never throws. */
  observe(connection: Connection): Promise<void>;
}

type Options = {
  /** Another connection to the same relay. */
  readonly dial: (signal: AbortSignal) => Promise<Connection>;
  /** Left out: one connection is as good as another. */
  readonly meeting: Meeting | undefined;
  readonly probe: (connection: Connection, signal: AbortSignal) => Promise<void>;
  readonly runtime: Pick<Runtime, "now" | "after">;
  readonly limits: NetworkLimits;
};

/** A place at a relay, over a connection to it that may give way to a better one. */
export class RelayPlace implements Reservation {
  lifetimeMs = 0;
  readonly #options: Options;
  readonly #lost = new AbortController();
  #connection: Connection;

  constructor(connection: Connection, options: Options) {
    this.#connection = connection;
    this.#options = options;
    this.#watch(connection);
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** @throws where the relay refuses or does not answer; one that hangs, and would the next time too, is given up */
  async take(signal: AbortSignal): Promise<void> {
    const heardBefore = this.heard();
    try {
      this.lifetimeMs = (await this.renew(signal)).lifetimeMs;
      if (this.#connection.status !== "open") throw gone();
    } catch (error) {
      // one that is busy, or not wanted any more, may still serve others
      if (this.heard() === heardBefore && isChatError(signal.reason, "TIMED_OUT")) this.abandon();
      throw error;
    }
  }

  heard(): number | undefined {
    return bytesHeard(this.#connection);
  }

  ping(): Promise<void> {
    return ping(this.#connection);
  }

  async renew(signal: AbortSignal): Promise<{ lifetimeMs: number }> {
    const { runtime, limits } = this.#options;
    const isMet = await this.#improve(signal);
    const lifetimeMs = (await reserve(this.#connection, signal)) * 1000 - runtime.now();
    return { lifetimeMs: isMet ? lifetimeMs : Math.min(lifetimeMs, 2 * limits.renewMinMs) };
  }

  probe(signal: AbortSignal): Promise<void> {
    return this.#options.probe(this.#connection, signal);
  }

  abandon(): void {
    this.#connection.abort(new Error("the relay does not answer"));
  }

  /** Whether the connection tells where this device can be met. The one before, which may carry others, closes once unused. */
  async #improve(signal: AbortSignal): Promise<boolean> {
    const { meeting } = this.#options;
    if (meeting === undefined) return true;
    if (await meeting.comesFromPort(this.#connection)) {
      void meeting.observe(this.#connection);
      return true;
    }
    const better = await this.#dialAnew(meeting, signal);
    if (better === undefined) return false;
    this.#connection = better;
    this.#watch(better);
    return true;
  }

  async #dialAnew(meeting: Meeting, signal: AbortSignal): Promise<Connection | undefined> {
    const { dial, runtime, limits } = this.#options;
    try {
      const other = await within({ runtime, ms: limits.addressDialTimeoutMs, signal }, dial);
      if (await meeting.comesFromPort(other)) return other;
      other.abort(new Error("no better than the one before"));
    } catch {
      // the one that is there serves as before
      signal.throwIfAborted();
    }
    return undefined;
  }

  #watch(connection: Connection): void {
    connection.addEventListener("close", () => {
      if (connection === this.#connection) this.#lost.abort(gone());
    });
  }
}

function gone(): ChatError {
  return new ChatError("PEER_UNREACHABLE", "the relay is gone");
}
