import type { Connection, Transport } from "@libp2p/interface";
import { type DeviceId, deviceIdOf } from "../../shared/device-id.ts";
import { publicKeyOfSeed } from "../../shared/ed25519.ts";
import type { TransportEvents } from "../messaging/ports/transport.ts";
import type { Runtime } from "../messaging/runtime.ts";
import { Connections } from "./connections.ts";
import { announcedAddresses, dialableRelays } from "./dialling/dialable.ts";
import { Dialler } from "./dialling/dialler.ts";
import { connectionGater } from "./dialling/gater.ts";
import { NETWORK_LIMITS, type NetworkLimits } from "./limits.ts";
import { Network } from "./network.ts";
import { RelayClient, relayOf } from "./reservations/relay-client.ts";
import type { Meeting } from "./reservations/relay-place.ts";
import { type RelayMemory, Reservations } from "./reservations/reservations.ts";
import { Channels } from "./streams/channels.ts";
import { createNode, type Libp2pNode, type Libp2pParts } from "./transport/libp2p.ts";
import { type Listen, listenAddresses } from "./transport/listen-addresses.ts";

/** A way to get two devices off a relay where neither can dial the other. */
export interface Punching extends Meeting {
  /** TCP in which the connections that relays see come from the port this device listens on. */
  transport(parts: Libp2pParts, isMetThere: (peerId: string) => boolean): Transport;
  /** The node has started. */
  start(node: Libp2pNode): Promise<void>;
  /** Tries for a direct connection to the device behind a relayed one. @throws where that fails */
  upgrade(relayed: Connection, signal: AbortSignal): Promise<void>;
}

export type NetworkOptions = {
  /** 32 secret bytes: the device's key. */
  readonly deviceSeed: Uint8Array;
  /** Left out: the node only dials, as a one-shot `send` does. */
  readonly listen?: Listen;
  /** Multiaddrs under which others reach this device; else those that it listens on. */
  readonly announce?: readonly string[];
  /** Dial and announce loopback too: both peers on this machine. */
  readonly allowLocal: boolean;
  readonly isContact: (device: DeviceId) => boolean;
  /**
   * Relays on which to be reachable, the preferred first: multiaddrs that end in `/p2p/<relay>`. Read again after
   * `relaysChanged`; a node that only dials needs none.
   */
  readonly relays?: () => readonly string[];
  readonly relayMemory?: RelayMemory;
  /** Where a contact's device was last found, for getting off a relay. */
  readonly addressesOf?: (device: DeviceId) => readonly string[];
  readonly punching?: Punching;
  /** Look for contacts on the local network, and show this device to everybody there. */
  readonly lan?: boolean;
  /** Have the local network's router open the port. */
  readonly upnp?: boolean;
  readonly events: TransportEvents;
  /** For streams and connections that are open; libp2p times what is not open yet by itself. */
  readonly runtime: Pick<Runtime, "after" | "monotonic" | "now" | "random" | "randomBytes">;
  readonly log?: (message: string, facts: Readonly<Record<string, unknown>>) => void;
  readonly limits?: Partial<NetworkLimits>;
};

/**
 * Starts the device's node.
 *
 * @throws ChatError CONFIG_INVALID with reason `listen` when an address is not to be had, `announce` when it is none
 */
export async function startNetwork(options: NetworkOptions): Promise<Network> {
  const limits = { ...NETWORK_LIMITS, ...options.limits };
  const log = options.log ?? (() => {});
  const refused = new Map<string, number>();
  const onRefused = (reason: string) => {
    refused.set(reason, (refused.get(reason) ?? 0) + 1);
    log("refused", { reason });
  };
  const { runtime, allowLocal, isContact, punching } = options;
  const self = deviceIdOf(publicKeyOfSeed(options.deviceSeed));
  const announce = options.announce && announcedAddresses(self, options.announce, allowLocal);
  const isOneOf = (relays: readonly string[], peerId: string) => relays.some((relay) => relayOf(relay) === peerId);
  const isOwnRelay = (peerId: string) => isOneOf(reservations.inUse(), peerId);
  // one that is asked again later too: what is dialled meanwhile, on the way to others, serves for that as well
  const isMetThere = (peerId: string) => isOneOf(reservations.inView(), peerId);
  // whoever calls a contact's device a relay does not make it one
  const isRelay = (device: DeviceId) => relays.isRelay(device) && !isContact(device);
  const connections = new Connections<Connection>({
    self,
    limits,
    isContact,
    isRelay,
    isOwnRelay,
  });
  const node = await createNode({
    deviceSeed: options.deviceSeed,
    listen: options.listen === undefined ? [] : listenAddresses(options.listen),
    ...(options.listen !== undefined && { watchedBy: runtime }),
    gater: connectionGater({
      allowLocal,
      refusal: (peerId) => connections.refusal(peerId),
      refusalThroughRelay: (peerId, relay) => connections.refusalThroughRelay(peerId, relays.accepting(relay)),
      onRefused,
    }),
    limits,
    ...(punching && { transport: (parts) => punching.transport(parts, isMetThere) }),
  });
  const relays: RelayClient = new RelayClient({
    ...{ node, connections, runtime, limits },
    ...(punching && { meeting: punching }),
  });
  const reservations: Reservations = new Reservations({
    wanted: () => dialableRelays(options.relays?.() ?? [], allowLocal),
    reserve: (relay, signal) => relays.reserve(relay, signal),
    runtime,
    limits,
    ...(options.relayMemory && { memory: options.relayMemory }),
    onChanged: () => options.events.onAddressesChanged?.(),
  });
  const network = new Network({
    ...{ self, node, connections, reservations, isRelay, limits, refused, log },
    options: { ...options, ...(announce && { announce }) },
    channels: new Channels({ limits, runtime, events: options.events, onRefused }),
    dialler: new Dialler({ node, relays, allowLocal, limits, runtime }),
  });
  await network.start();
  return network;
}
