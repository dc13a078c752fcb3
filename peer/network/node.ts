import type { Connection, Stream, StreamHandler } from "@libp2p/interface";
import { type DeviceId, deviceIdOf, parseDeviceId } from "../../shared/device-id.ts";
import { publicKeyOfSeed } from "../../shared/ed25519.ts";
import { ChatError } from "../../shared/errors.ts";
import { LIMITS, STREAM_PROTOCOLS } from "../../shared/protocol.ts";
import type { Channel, Transport, TransportEvents } from "../messaging/ports.ts";
import type { Runtime } from "../messaging/runtime.ts";
import { Channels } from "./channels.ts";
import { type ConnectionCounts, Connections } from "./connections.ts";
import { dialFailure, isUnsupportedProtocol } from "./dial-failure.ts";
import { announceableAddresses, dialableRelays } from "./dialable.ts";
import { Dialler } from "./dialler.ts";
import { findDevice } from "./find-device.ts";
import { connectionGater } from "./gater.ts";
import { createNode, type Libp2pNode } from "./libp2p.ts";
import { NETWORK_LIMITS, type NetworkLimits } from "./limits.ts";
import { type Listen, listenAddresses } from "./listen-addresses.ts";
import { RelayClient, relayOf } from "./relay-client.ts";
import { type RelayStatus, Reservations } from "./reservations.ts";

export type NetworkOptions = {
  /** 32 secret bytes: the device's key. */
  readonly deviceSeed: Uint8Array;
  /** Left out: the node only dials, as a one-shot `send` does. */
  readonly listen?: Listen;
  /** Dial and announce loopback too: both peers on this machine. */
  readonly allowLocal: boolean;
  readonly isContact: (device: DeviceId) => boolean;
  /**
   * Relays on which to be reachable, the preferred first: multiaddrs that end in `/p2p/<relay>`. Read again after
   * `relaysChanged`; a node that only dials needs none.
   */
  readonly relays?: () => readonly string[];
  readonly events: TransportEvents;
  /** For streams and connections that are open; libp2p times what is not open yet by itself. */
  readonly runtime: Pick<Runtime, "after" | "monotonic" | "now" | "random">;
  readonly log?: (message: string, facts: Readonly<Record<string, unknown>>) => void;
  readonly limits?: Partial<NetworkLimits>;
};

export type NetworkStatus = ConnectionCounts & {
  readonly channels: number;
  /** Connections and streams refused since the start, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  /** The relays that were tried, the preferred first. */
  readonly reservations: readonly RelayStatus[];
};

/**
 * Starts the device's node.
 *
 * @throws ChatError CONFIG_INVALID with reason `listen` when an address is not to be had
 */
export async function startNetwork(options: NetworkOptions): Promise<Network> {
  const limits = { ...NETWORK_LIMITS, ...options.limits };
  const log = options.log ?? (() => {});
  const refused = new Map<string, number>();
  const onRefused = (reason: string) => {
    refused.set(reason, (refused.get(reason) ?? 0) + 1);
    log("refused", { reason });
  };
  const self = deviceIdOf(publicKeyOfSeed(options.deviceSeed));
  const connections: Connections<Connection> = new Connections<Connection>({
    self,
    limits,
    isContact: options.isContact,
    isOwnRelay: (device) => reservations.inUse().some((relay) => relayOf(relay) === device),
  });
  const node = await createNode({
    deviceSeed: options.deviceSeed,
    listen: options.listen === undefined ? [] : listenAddresses(options.listen),
    gater: connectionGater({
      allowLocal: options.allowLocal,
      refusal: (peerId) => connections.refusal(peerId),
      onRefused,
    }),
    limits,
  });
  const { runtime, allowLocal } = options;
  const relays = new RelayClient({ node, connections, runtime, limits });
  const reservations: Reservations = new Reservations({
    wanted: () => dialableRelays(options.relays?.() ?? [], allowLocal),
    reserve: (relay, signal) => relays.reserve(relay, signal),
    runtime,
    limits,
    onChanged: () => options.events.onAddressesChanged?.(),
  });
  const network = new Network({
    ...{ self, node, connections, reservations, limits, refused, options, log },
    channels: new Channels({ limits, runtime, events: options.events, onRefused }),
    dialler: new Dialler({ node, relays, allowLocal, limits, runtime }),
  });
  await network.start();
  return network;
}

type Parts = {
  readonly self: DeviceId;
  readonly node: Libp2pNode;
  readonly connections: Connections<Connection>;
  readonly reservations: Reservations;
  readonly channels: Channels;
  readonly dialler: Dialler;
  readonly limits: NetworkLimits;
  readonly refused: ReadonlyMap<string, number>;
  readonly options: NetworkOptions;
  readonly log: NonNullable<NetworkOptions["log"]>;
};

type OpenedStream = { readonly stream: Stream; readonly connection: Connection };

export class Network implements Transport {
  readonly device: DeviceId;
  readonly #parts: Parts;
  #stopSweeping = () => {};
  #stopping: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.device = parts.self;
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const { node, limits, channels, reservations, options } = this.#parts;
    node.addEventListener("connection:open", ({ detail }) => this.#onConnection(detail));
    node.addEventListener("connection:close", ({ detail }) => this.#onDisconnection(detail));
    const onStream: StreamHandler = (stream, connection) => channels.accept(stream, connection);
    const handling = { maxInboundStreams: limits.inboundStreamsPerDevice, runOnLimitedConnection: true };
    for (const id of Object.values(STREAM_PROTOCOLS)) await node.handle(id, onStream, handling);
    try {
      await node.start();
    } catch (cause) {
      throw new ChatError("CONFIG_INVALID", "the port or address to listen on is not free", {
        reason: "listen",
        cause,
      });
    }
    this.#sweepLater();
    if (options.listen !== undefined) reservations.start();
  }

  async connect(device: DeviceId, addresses: readonly string[], signal: AbortSignal): Promise<Channel> {
    if (this.#stopping !== undefined) {
      throw new ChatError("PEER_UNREACHABLE", "the node has stopped", { reason: "stopped" });
    }
    const { stream, connection } = await this.#openStream(device, addresses, signal);
    return this.#parts.channels.openTo(device, stream, connection);
  }

  async openGossip(device: DeviceId, signal: AbortSignal): Promise<Channel | undefined> {
    const connection = this.#parts.connections.best(device);
    if (connection === undefined || this.#stopping !== undefined) return undefined;
    try {
      const stream = await this.#negotiate(connection, STREAM_PROTOCOLS.checkpoint, signal);
      return this.#parts.channels.track(device, stream, connection);
    } catch (error) {
      throw dialFailure(error, signal);
    }
  }

  addresses(): readonly string[] {
    const { node, options, reservations } = this.#parts;
    const listening = node.services.parts.transportManager.getAddrs().map(String);
    const direct = announceableAddresses(this.device, listening, options.allowLocal);
    const relayed = reservations.held().map((relay) => `${relay}/p2p-circuit/p2p/${this.device}`);
    return [...direct.slice(0, LIMITS.addressRecordMaxAddresses - relayed.length), ...relayed];
  }

  /** What the option `relays` answers is different now. */
  relaysChanged(): void {
    if (this.#stopping === undefined) this.#parts.reservations.refresh();
  }

  connections(): NetworkStatus {
    const { connections, refused, channels, reservations } = this.#parts;
    return {
      ...connections.counts(),
      channels: channels.count,
      refused: Object.fromEntries(refused),
      reservations: reservations.status(),
    };
  }

  /** Lets channels finish what they have queued, then closes everything; idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    this.#stopSweeping();
    await this.#parts.channels.close();
    this.#parts.reservations.stop();
    await this.#parts.node.stop();
  }

  #sweepLater(): void {
    const { connections, limits, options } = this.#parts;
    this.#stopSweeping = options.runtime.after(limits.sweepIntervalMs, () => {
      connections.sweep(options.runtime.monotonic());
      this.#sweepLater();
    });
  }

  /**
   * libp2p resolves a dial before the other side has decided: only a stream whose protocol both agreed on shows that it
   * is there and willing. One that does not answer is passed over for good.
   */
  async #openStream(device: DeviceId, addresses: readonly string[], signal: AbortSignal): Promise<OpenedStream> {
    const { connections, dialler } = this.#parts;
    const open = async (connection: Connection) => ({
      stream: await this.#negotiate(connection, STREAM_PROTOCOLS.message, signal),
      connection,
    });
    try {
      for (;;) {
        const current = connections.best(device);
        if (current === undefined) return await open(await dialler.dial(device, addresses, signal));
        try {
          return await open(current);
        } catch (error) {
          if (signal.aborted || isUnsupportedProtocol(error)) throw error;
          connections.distrust(device, current);
        }
      }
    } catch (error) {
      throw dialFailure(error, signal);
    }
  }

  #negotiate(connection: Connection, protocol: string, signal: AbortSignal): Promise<Stream> {
    return connection.newStream([protocol], {
      signal: AbortSignal.any([signal, AbortSignal.timeout(this.#parts.limits.negotiationTimeoutMs)]),
      runOnLimitedConnection: true,
    });
  }

  /** Thrown into libp2p's event target, an error of the owner's would end the process. */
  #onConnection(connection: Connection): void {
    const { connections, reservations, options, log } = this.#parts;
    try {
      const device = parseDeviceId(connection.remotePeer.toString());
      const isFirst = connections.add(device, connection);
      const isRelay = reservations.inUse().some((relay) => relayOf(relay) === device);
      if (isFirst && !isRelay) options.events.onConnected(device);
    } catch (error) {
      log("connection dropped", { error: String(error) });
      connection.abort(new Error("not accepted", { cause: error }));
    }
  }

  #onDisconnection({ id, remotePeer }: Connection): void {
    const device = findDevice(remotePeer.toString());
    if (device === undefined || !this.#parts.connections.remove(device, id)) return;
    // libp2p remembers every stranger for good; nothing here asks it for addresses
    this.#parts.node.peerStore.delete(remotePeer).catch((error: Error) => {
      this.#parts.log("peer not forgotten", { error: error.message });
    });
  }
}
