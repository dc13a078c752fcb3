import type { Connection } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import type { DeviceId } from "../../../shared/device-id.ts";
import { ChatError } from "../../../shared/errors.ts";
import type { Runtime } from "../../messaging/runtime.ts";
import type { NetworkLimits } from "../limits.ts";
import type { RelayClient } from "../reservations/relay-client.ts";
import type { Libp2pNode } from "../transport/libp2p.ts";
import { within } from "../waiting.ts";
import { circuitParts, dialableOf, type Whereabouts } from "./dialable.ts";
import { type Attempt, race } from "./race.ts";

type Deps = {
  readonly node: Libp2pNode;
  readonly relays: RelayClient;
  readonly allowLocal: boolean;
  readonly limits: NetworkLimits;
  readonly runtime: Pick<Runtime, "after">;
};

/** Finds the first way to a device that works: straight if it can, through a relay if it must. */
export class Dialler {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /**
   * Dials past libp2p's queue, which knows one dial to a peer at a time and tries its addresses one after the other.
   *
   * @throws ChatError PEER_UNREACHABLE with reason `no-address`; and what libp2p throws
   */
  async dial(device: DeviceId, whereabouts: Whereabouts, signal: AbortSignal): Promise<Connection> {
    const { allowLocal, limits, runtime } = this.#deps;
    const dialable = dialableOf(device, whereabouts, allowLocal);
    if (dialable.length === 0) {
      throw new ChatError("PEER_UNREACHABLE", "no address to dial", { reason: "no-address" });
    }
    return within({ runtime, ms: limits.dialTimeoutMs, signal }, (whole) =>
      race(this.#attempts(dialable), {
        runtime,
        signal: whole,
        discard: (late) => late.abort(new Error("another address was faster")),
      }),
    );
  }

  /** Without relays: undefined where no address is left. */
  async dialDirectly(
    device: DeviceId,
    { nearby, record }: Whereabouts,
    signal: AbortSignal,
  ): Promise<Connection | undefined> {
    const direct = { nearby, record: record.filter((address) => circuitParts(address) === undefined) };
    if (dialableOf(device, direct, this.#deps.allowLocal).length === 0) return undefined;
    return this.dial(device, direct, signal);
  }

  #attempts(addresses: readonly string[]): Attempt<Connection>[] {
    const { dialStaggerMs, relayHeadStartMs, relayStaggerMs } = this.#deps.limits;
    const found = addresses.map((address) => ({ address, circuit: circuitParts(address) }));
    const relayed = found.flatMap(({ address, circuit }) => (circuit === undefined ? [] : [{ address, ...circuit }]));
    return [
      ...found
        .filter(({ circuit }) => circuit === undefined)
        .map(({ address }, place) => ({
          delayMs: place * dialStaggerMs,
          run: this.#timed((signal) => this.#dialAddress(address, signal)),
        })),
      ...relayed.map(({ address, relayAddress }, place) => ({
        delayMs: relayHeadStartMs + place * relayStaggerMs,
        run: this.#timed((signal) => this.#deps.relays.dialThrough(address, relayAddress, signal)),
      })),
    ];
  }

  #dialAddress(address: string, signal: AbortSignal): Promise<Connection> {
    return this.#deps.node.services.parts.transportManager.dial(multiaddr(address), { signal });
  }

  #timed(run: Attempt<Connection>["run"]): Attempt<Connection>["run"] {
    const { runtime, limits } = this.#deps;
    return (signal) => within({ runtime, ms: limits.addressDialTimeoutMs, signal }, run);
  }
}
