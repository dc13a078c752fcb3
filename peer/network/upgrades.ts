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

/** Gets devices off relays: one attempt at a time for each, again and again, ever more rarely, while it is needed. */
export class Upgrades {
  readonly #deps: Deps;
  readonly #stopping = new AbortController();
  /** Devices with an attempt under way or waiting, and what ends the wait. */
  readonly #waiting = new Map<DeviceId, () => void>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** A relayed connection to that device came up. */
  offer(device: DeviceId): void {
    if (this.#stopping.signal.aborted || this.#waiting.has(device)) return;
    this.#waiting.set(device, () => {});
    void this.#attempt(device, 0);
  }

  stop(): void {
    this.#stopping.abort(new Error("stopping"));
    for (const cancel of this.#waiting.values()) cancel();
    this.#waiting.clear();
  }

  async #attempt(device: DeviceId, failures: number): Promise<void> {
    const { best, attempt, runtime, limits, log } = this.#deps;
    const relayed = best(device);
    if (relayed === undefined || relayed.direct) {
      this.#waiting.delete(device);
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
    if (best(device)?.direct !== false) this.#waiting.delete(device);
    else this.#waiting.set(device, this.#later(device, failures));
  }

  #later(device: DeviceId, failures: number): () => void {
    const { runtime, limits } = this.#deps;
    const mostMs = Math.min(limits.offRelayRetryMaxMs, limits.offRelayRetryMs * 2 ** failures);
    return runtime.after(mostMs * (0.5 + runtime.random() / 2), () => void this.#attempt(device, failures + 1));
  }
}
