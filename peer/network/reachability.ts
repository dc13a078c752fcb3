import type { DeviceId } from "../../shared/device-id.ts";
import { LIMITS } from "../../shared/protocol.ts";
import { announceableAddresses, portAt } from "./dialling/dialable.ts";
import type { NetworkLimits } from "./limits.ts";
import { type Lan, startLan } from "./nearby/lan.ts";
import { watchSurroundings } from "./nearby/surroundings.ts";
import type { Upnp } from "./nearby/upnp.ts";
import type { NetworkOptions } from "./node.ts";
import type { Reservations } from "./reservations/reservations.ts";
import type { Libp2pNode } from "./transport/libp2p.ts";

type Parts = {
  readonly self: DeviceId;
  readonly node: Libp2pNode;
  readonly reservations: Reservations;
  readonly limits: NetworkLimits;
  readonly options: NetworkOptions;
  readonly log: NonNullable<NetworkOptions["log"]>;
  /** Something happened to the network or this computer. */
  readonly onShaken: () => void;
};

/** Where others find this device, and whom it finds nearby: its listeners, relays, local network and router. */
export class Reachability {
  readonly #parts: Parts;
  #lan: Lan | undefined;
  #upnp: Upnp | undefined;
  #stopWatching = () => {};

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** For a node that listens, once it does. */
  async start(): Promise<void> {
    const { node, limits, reservations, options } = this.#parts;
    const { runtime, events } = options;
    await options.punching?.start(node);
    if (options.lan === true) await this.#searchLan();
    if (options.upnp === true) await this.#askRouter();
    this.#stopWatching = watchSurroundings({
      runtime,
      limits,
      onWoke: () => {
        this.#lookAfresh();
        events.onWoke?.();
      },
      onMoved: () => {
        this.#lookAfresh();
        events.onAddressesChanged?.();
      },
    });
    // last of all: the owner, who waits for this start, is not told of relays before it is over
    reservations.start();
  }

  unwatch(): void {
    this.#stopWatching();
  }

  /** Leaves the local network, and has the router's port closed. */
  async stop(): Promise<void> {
    await Promise.all([this.#lan?.stop(), this.#upnp?.stop()]);
  }

  /** All that a record may tell of, the direct addresses first. */
  addresses(): readonly string[] {
    const { self, reservations } = this.#parts;
    const relayed = reservations.held().map((relay) => `${relay}/p2p-circuit/p2p/${self}`);
    return [...this.#directAddresses().slice(0, LIMITS.addressRecordMaxAddresses - relayed.length), ...relayed];
  }

  /** Where a contact's device says it is on the local network. */
  nearby(device: DeviceId): readonly string[] {
    return this.#lan?.addressesOf(device) ?? [];
  }

  #directAddresses(): readonly string[] {
    const { self, options } = this.#parts;
    if (options.announce !== undefined) return options.announce;
    const known = [this.#upnp?.address ?? [], ...this.#listening()].flat();
    return announceableAddresses(self, known, options.allowLocal);
  }

  #listening(): readonly string[] {
    return this.#parts.node.services.parts.transportManager.getAddrs().map(String);
  }

  #lookAfresh(): void {
    this.#parts.reservations.check();
    this.#upnp?.refresh();
    this.#parts.onShaken();
  }

  async #searchLan(): Promise<void> {
    const { node, limits, options, log } = this.#parts;
    const { runtime, events, isContact, allowLocal } = options;
    try {
      this.#lan = await startLan({
        parts: node.services.parts,
        addresses: () => this.#directAddresses(),
        ...{ isContact, allowLocal, runtime, limits },
        onFound: (device) => events.onNearby?.(device),
      });
    } catch (error) {
      log("local network not searched", { error: String(error) });
    }
  }

  async #askRouter(): Promise<void> {
    const { limits, options, log } = this.#parts;
    const { runtime, allowLocal, events } = options;
    const { Upnp } = await import("./nearby/upnp.ts");
    this.#upnp = new Upnp({
      portAt: (host) => portAt(host, this.#listening()),
      ...{ runtime, limits, allowLocal, log },
      onChanged: () => events.onAddressesChanged?.(),
    });
  }
}
