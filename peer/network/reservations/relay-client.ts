import type { Connection, Stream } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import type { DeviceId } from "../../../shared/device-id.ts";
import { ChatError } from "../../../shared/errors.ts";
import type { Runtime } from "../../messaging/runtime.ts";
import type { Connections } from "../connections.ts";
import { findDevice } from "../find-device.ts";
import type { NetworkLimits } from "../limits.ts";
import type { Libp2pNode } from "../transport/libp2p.ts";
import { endIfSilent } from "./alive.ts";
import { addCircuits, type Circuits } from "./circuit.ts";
import { STOP_PROTOCOL } from "./circuit-protocols.ts";
import { type Meeting, RelayPlace } from "./relay-place.ts";
import { RelayProbes } from "./relay-probe.ts";
import type { Reservation } from "./reservations.ts";
import { SharedDials } from "./shared-dials.ts";

type Deps = {
  readonly node: Libp2pNode;
  readonly connections: Connections<Connection>;
  readonly runtime: Pick<Runtime, "now" | "after" | "randomBytes">;
  readonly limits: NetworkLimits;
  readonly meeting?: Meeting;
};

/** Relays as a device uses them: on the way to others, and to be reached. Loads libp2p's part on first use. */
export class RelayClient {
  readonly #deps: Deps;
  readonly #dials: SharedDials<Connection>;
  /** Those this device asked to pass connections on, over whichever connection; from all others it takes none. */
  readonly #reservedAt = new Set<DeviceId>();
  readonly #relays = new Set<DeviceId>();
  readonly #probes: RelayProbes;
  /** Through which nothing came the last time that it was tried. */
  readonly #blocked = new Set<string>();
  #circuits: Promise<Circuits> | undefined;
  /** Connections that each relay is passing on right now. */
  readonly #accepting = new Map<DeviceId, number>();

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#probes = new RelayProbes({ self: deps.node.peerId.toMultihash().bytes, runtime: deps.runtime });
    this.#dials = new SharedDials({
      dial: (address, signal) => this.#dial(address, signal),
      runtime: deps.runtime,
      timeoutMs: deps.limits.reserveTimeoutMs,
    });
    deps.node.addEventListener("connection:close", ({ detail }) => this.#forget(detail.remotePeer.toString()));
  }

  /**
   * How many connections of others through relays are under way, for one that comes through this relay. Another relay,
   * which may announce connections that nobody makes, counts for its share at most.
   */
  accepting(relayPeerId: string): number {
    const { relayedStrangers, relays } = this.#deps.limits;
    const share = Math.floor(relayedStrangers / relays);
    const counted = [...this.#accepting].map(([relay, count]) =>
      relay === relayPeerId ? count : Math.min(count, share),
    );
    return counted.reduce((sum, count) => sum + count, 0);
  }

  /** True for what was dialled as a relay and is connected. */
  isRelay(device: DeviceId): boolean {
    return this.#relays.has(device);
  }

  /** A connection to the far end of `<relay address>/p2p-circuit/p2p/<device>`. */
  async dialThrough(address: string, relayAddress: string, signal: AbortSignal): Promise<Connection> {
    await this.#load();
    // dialled here: libp2p would try every address that anybody ever gave for that relay
    const relay = await this.#connectionTo(relayAddress, signal);
    try {
      return await this.#deps.node.services.parts.transportManager.dial(multiaddr(address), { signal });
    } catch (error) {
      if (relay.status === "open") void endIfSilent(relay, this.#deps);
      throw error;
    }
  }

  /** Asks a relay to pass connections on. */
  async reserve(relayAddress: string, signal: AbortSignal): Promise<Reservation> {
    await this.#load();
    const connection = await this.#connectionTo(relayAddress, signal);
    // before it is asked: connections may arrive together with the answer
    this.#reservedAt.add(relayOf(relayAddress));
    const dial = (attempt: AbortSignal) => this.#dials.to(relayAddress, attempt);
    const probe = (over: Connection, attempt: AbortSignal) => this.#probe(over, attempt);
    const { meeting, runtime, limits } = this.#deps;
    const place = new RelayPlace(connection, { dial, probe, meeting, runtime, limits });
    await place.take(signal);
    // nobody is to be told of one that passed nothing on before it does
    if (this.#blocked.has(relayOf(relayAddress))) await place.probe(signal);
    return place;
  }

  async #probe(connection: Connection, signal: AbortSignal): Promise<void> {
    const relay = connection.remotePeer.toString();
    this.#blocked.add(relay);
    await this.#probes.probe(connection, signal);
    this.#blocked.delete(relay);
  }

  #load(): Promise<Circuits> {
    this.#circuits ??= this.#start();
    return this.#circuits;
  }

  async #start(): Promise<Circuits> {
    const { node, limits } = this.#deps;
    const circuits = await addCircuits(node.services.parts);
    await node.handle(STOP_PROTOCOL, (stream, connection) => this.#accept(circuits, stream, connection), {
      maxInboundStreams: limits.inboundStreamsPerConnection,
    });
    return circuits;
  }

  async #accept(circuits: Circuits, stream: Stream, connection: Connection): Promise<void> {
    const relay = findDevice(connection.remotePeer.toString());
    if (relay === undefined || !this.#reservedAt.has(relay)) {
      stream.abort(new Error("not my relay"));
      return;
    }
    if (await this.#probes.accept(stream, connection)) return;
    this.#count(relay, 1);
    try {
      await circuits.accept(stream, connection);
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error("refused"));
    } finally {
      this.#count(relay, -1);
    }
  }

  #count(relay: DeviceId, change: number): void {
    const count = (this.#accepting.get(relay) ?? 0) + change;
    if (count > 0) this.#accepting.set(relay, count);
    else this.#accepting.delete(relay);
  }

  async #connectionTo(relayAddress: string, signal: AbortSignal): Promise<Connection> {
    const open = this.#deps.connections.best(relayOf(relayAddress));
    return open?.direct ? open : this.#dials.to(relayAddress, signal);
  }

  async #dial(relayAddress: string, signal: AbortSignal): Promise<Connection> {
    const relay = relayOf(relayAddress);
    // before it connects: the owner is not told of relays
    this.#relays.add(relay);
    try {
      return await this.#deps.node.services.parts.transportManager.dial(multiaddr(relayAddress), { signal });
    } catch (error) {
      this.#forget(relay);
      throw error;
    }
  }

  #forget(peerId: string): void {
    const relay = findDevice(peerId);
    if (relay === undefined || this.#deps.connections.best(relay) !== undefined) return;
    this.#relays.delete(relay);
    this.#reservedAt.delete(relay);
  }
}

/** @throws ChatError PEER_UNREACHABLE for what is no relay's address */
export function relayOf(relayAddress: string): DeviceId {
  const relay = findDevice(relayAddress.split("/p2p/").at(-1) ?? "");
  if (relay === undefined) throw new ChatError("PEER_UNREACHABLE", "no relay's address", { reason: "address" });
  return relay;
}
