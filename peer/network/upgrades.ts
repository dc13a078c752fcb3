import type { Connection } from "@libp2p/interface";
import type { DeviceId } from "../../shared/device-id.ts";
import type { Runtime } from "../messaging/runtime.ts";
import type { NetworkLimits } from "./limits.ts";
import { within } from "./waiting.ts";

type Deps = {
  /** The connection to use for that device now. */
  readonly best: (device: DeviceId) => Connection | undefined;
  /** Tries to get a connection without a relay; how it went shows in `best`. */
  readonly attempt: (device: DeviceId, relayed: Connection, signal: AbortSignal) => Promise<void>;
  readonly runtime: Pick<Runtime, "after" | "random">;
  readonly limits: NetworkLimits;
  readonly log: (message: string, facts: Readonly<Record<string, unknown>>) => void;
};

/** To get one device off its relay. */
type Wish = {
  /** Of the attempts that count for how long the next one waits. */
  failures: number;
  /** Ends the wait for the next attempt; undefined while one is under way. */
  cancelWait: (() => void) | undefined;
};

/** Gets devices off relays: one attempt at a time for each, again and again, ever more rarely, while it is needed. */
export class Upgrades {
  readonly #deps: Deps;
  readonly #stopping = new AbortController();
  readonly #wishes = new Map<DeviceId, Wish>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /**
   * A relayed connection to that device came up.
   *
   * @param anew  what failed before counts no more. Not by the other side's doing, which could have attempts made
   * all the time.
   */
  offer(device: DeviceId, anew: boolean): void {
    if (this.#stopping.signal.aborted) return;
    const known = this.#wishes.get(device);
    if (known === undefined) this.#start(device);
    else if (anew) this.#renew(device, known);
  }

  /** The network is another one: what failed before counts no more, for any device. */
  renew(): void {
    for (const [device, wish] of this.#wishes) this.#renew(device, wish);
  }

  stop(): void {
    this.#stopping.abort(new Error("stopping"));
    for (const { cancelWait } of this.#wishes.values()) cancelWait?.();
    this.#wishes.clear();
  }

  #start(device: DeviceId): void {
    const wish: Wish = { failures: 0, cancelWait: undefined };
    this.#wishes.set(device, wish);
    void this.#attempt(device, wish);
  }

  /** Never without the shortest wait, however often this is called. */
  #renew(device: DeviceId, wish: Wish): void {
    if (wish.cancelWait === undefined) wish.failures = 0;
    else if (wish.failures > 1) {
      wish.failures = 1;
      wish.cancelWait();
      this.#wait(device, wish);
    }
  }

  async #attempt(device: DeviceId, wish: Wish): Promise<void> {
    const { best, attempt, runtime, limits, log } = this.#deps;
    const relayed = best(device);
    if (relayed === undefined || relayed.direct) {
      this.#wishes.delete(device);
      return;
    }
    try {
      await within({ runtime, ms: limits.offRelayTimeoutMs, signal: this.#stopping.signal }, (signal) =>
        attempt(device, relayed, signal),
      );
    } catch (error) {
      // what most pairs of routers lead to is no failure: it is told to who asks for more
      log("still on a relay", { reason: String(error) });
    }
    if (this.#stopping.signal.aborted) return;
    wish.failures += 1;
    if (best(device)?.direct !== false) this.#wishes.delete(device);
    else this.#wait(device, wish);
  }

  #wait(device: DeviceId, wish: Wish): void {
    const { runtime, limits } = this.#deps;
    const mostMs = Math.min(limits.offRelayRetryMaxMs, limits.offRelayRetryMs * 2 ** (wish.failures - 1));
    wish.cancelWait = runtime.after(mostMs * (0.5 + runtime.random() / 2), () => {
      wish.cancelWait = undefined;
      void this.#attempt(device, wish);
    });
  }
}
