import type { Connection, Stream, StreamHandler } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { type DeviceId, deviceIdOf, parseDeviceId } from "../../shared/device-id.ts";
import { publicKeyOfSeed } from "../../shared/ed25519.ts";
import { ChatError } from "../../shared/errors.ts";
import { STREAM_PROTOCOLS } from "../../shared/protocol.ts";
import type { Channel, Transport, TransportEvents } from "../messaging/ports.ts";
import type { Runtime } from "../messaging/runtime.ts";
import { StreamChannel } from "./channel.ts";
import { type ConnectionCounts, Connections, findDevice } from "./connections.ts";
import { dialFailure, isUnsupportedProtocol } from "./dial-failure.ts";
import { announceableAddresses, dialableAddresses } from "./dialable.ts";
import { connectionGater } from "./gater.ts";
import { createNode, type Libp2pNode } from "./libp2p.ts";
import { NETWORK_LIMITS, type NetworkLimits } from "./limits.ts";
import { type Listen, listenAddresses } from "./listen-addresses.ts";

export type NetworkOptions = {
  /** 32 secret bytes: the device's key. */
  readonly deviceSeed: Uint8Array;
  /** Left out: the node only dials, as a one-shot `send` does. */
  readonly listen?: Listen;
  /** Dial and announce loopback too: both peers on this machine. */
  readonly allowLocal: boolean;
  readonly isContact: (device: DeviceId) => boolean;
  readonly events: TransportEvents;
  /** For streams and connections that are open; libp2p times what is not open yet by itself. */
  readonly runtime: Pick<Runtime, "after" | "monotonic">;
  readonly log?: (message: string, facts: Readonly<Record<string, unknown>>) => void;
  readonly limits?: Partial<NetworkLimits>;
};

export type NetworkStatus = ConnectionCounts & {
  readonly channels: number;
  /** Connections and streams refused since the start, by reason. */
  readonly refused: Readonly<Record<string, number>>;
};

/**
 * Starts the device's node.
 *
 * @throws ChatError CONFIG_INVALID with reason `listen` when an address is not to be had
 */
export async function startNetwork(options: NetworkOptions): Promise<Network> {
  const limits = { ...NETWORK_LIMITS, ...options.limits };
  const self = deviceIdOf(publicKeyOfSeed(options.deviceSeed));
  const connections = new Connections<Connection>({ self, limits, isContact: options.isContact });
  const log = options.log ?? (() => {});
  const refused = new Map<string, number>();
  const onRefused = (reason: string) => {
    refused.set(reason, (refused.get(reason) ?? 0) + 1);
    log("refused", { reason });
  };
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
  const network = new Network({ self, node, connections, limits, refused, onRefused, options, log });
  await network.start();
  return network;
}

type Parts = {
  readonly self: DeviceId;
  readonly node: Libp2pNode;
  readonly connections: Connections<Connection>;
  readonly limits: NetworkLimits;
  readonly refused: ReadonlyMap<string, number>;
  readonly onRefused: (reason: string) => void;
  readonly options: NetworkOptions;
  readonly log: NonNullable<NetworkOptions["log"]>;
};

export class Network implements Transport {
  readonly device: DeviceId;
  readonly #parts: Parts;
  readonly #channels = new Set<StreamChannel>();
  readonly #outgoing = new Map<DeviceId, StreamChannel>();
  #stopSweeping = () => {};
  #stopping: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.device = parts.self;
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const { node, limits } = this.#parts;
    node.addEventListener("connection:open", ({ detail }) => this.#onConnection(detail));
    node.addEventListener("connection:close", ({ detail }) => this.#onDisconnection(detail));
    const onStream: StreamHandler = (stream, { remotePeer }) => this.#onStream(stream, remotePeer.toString());
    const maxInboundStreams = limits.inboundStreamsPerDevice;
    for (const id of Object.values(STREAM_PROTOCOLS)) await node.handle(id, onStream, { maxInboundStreams });
    try {
      await node.start();
    } catch (cause) {
      throw new ChatError("CONFIG_INVALID", "the port or address to listen on is not free", {
        reason: "listen",
        cause,
      });
    }
    this.#sweepLater();
  }

  async connect(device: DeviceId, addresses: readonly string[], signal: AbortSignal): Promise<Channel> {
    if (this.#stopping !== undefined) {
      throw new ChatError("PEER_UNREACHABLE", "the node has stopped", { reason: "stopped" });
    }
    const stream = await this.#openStream(device, addresses, signal);
    const channel = this.#track(stream, device);
    // one channel per device and direction: whoever opens another has given up the one before
    this.#outgoing.get(device)?.abort(new ChatError("PEER_UNREACHABLE", "another channel took its place"));
    this.#outgoing.set(device, channel);
    if (this.#stopping !== undefined) void channel.close();
    return channel;
  }

  async openGossip(device: DeviceId, signal: AbortSignal): Promise<Channel | undefined> {
    const connection = this.#parts.connections.best(device);
    if (connection === undefined || this.#stopping !== undefined) return undefined;
    try {
      return this.#track(await this.#negotiate(connection, STREAM_PROTOCOLS.checkpoint, signal), device);
    } catch (error) {
      throw dialFailure(error, signal);
    }
  }

  addresses(): readonly string[] {
    const listening = this.#parts.node.services.listeners.getAddrs().map(String);
    return announceableAddresses(this.device, listening, this.#parts.options.allowLocal);
  }

  connections(): NetworkStatus {
    const { connections, refused } = this.#parts;
    return { ...connections.counts(), channels: this.#channels.size, refused: Object.fromEntries(refused) };
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
    await Promise.all([...this.#channels].map((channel) => channel.close()));
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
   * is there and willing.
   */
  async #openStream(device: DeviceId, addresses: readonly string[], signal: AbortSignal): Promise<Stream> {
    const { connections } = this.#parts;
    try {
      const current = connections.best(device);
      if (current === undefined) return await this.#dialStream(device, addresses, signal);
      try {
        return await this.#negotiate(current, STREAM_PROTOCOLS.message, signal);
      } catch (error) {
        if (signal.aborted || isUnsupportedProtocol(error)) throw error;
        connections.distrust(device, current);
        return await this.#dialStream(device, addresses, signal);
      }
    } catch (error) {
      throw dialFailure(error, signal);
    }
  }

  async #dialStream(device: DeviceId, addresses: readonly string[], signal: AbortSignal): Promise<Stream> {
    return this.#negotiate(await this.#dial(device, addresses, signal), STREAM_PROTOCOLS.message, signal);
  }

  #dial(device: DeviceId, addresses: readonly string[], signal: AbortSignal): Promise<Connection> {
    const { node, limits, options } = this.#parts;
    const dialable = dialableAddresses(device, addresses, options.allowLocal).map((address) => multiaddr(address));
    if (dialable.length === 0) {
      throw new ChatError("PEER_UNREACHABLE", "no address to dial", { reason: "no-address" });
    }
    // forced, since a connection that is there was not good enough
    return node.dial(dialable, { signal: withTimeout(signal, limits.dialTimeoutMs), force: true });
  }

  #negotiate(connection: Connection, protocol: string, signal: AbortSignal): Promise<Stream> {
    return connection.newStream([protocol], {
      signal: withTimeout(signal, this.#parts.limits.negotiationTimeoutMs),
    });
  }

  /** Thrown into libp2p's event target, an error of the owner's would end the process. */
  #onConnection(connection: Connection): void {
    const { connections, options, log } = this.#parts;
    try {
      const device = parseDeviceId(connection.remotePeer.toString());
      if (connections.add(device, connection)) options.events.onConnected(device);
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

  #onStream(stream: Stream, peerId: string): void {
    const device = findDevice(peerId);
    const { limits, onRefused, options } = this.#parts;
    const { protocol } = stream;
    const open = [...this.#channels].filter(
      (channel) => channel.inbound && channel.remote === device && channel.protocol === protocol,
    );
    if (device === undefined || this.#stopping !== undefined) {
      stream.abort(new Error("not accepted"));
    } else if (open.length >= limits.inboundStreamsPerDevice) {
      onRefused("streams-per-device");
      stream.abort(new Error("too many streams"));
    } else {
      const channel = this.#track(stream, device);
      if (protocol === STREAM_PROTOCOLS.checkpoint) options.events.onGossip(channel);
      else options.events.onChannel(channel);
    }
  }

  #track(stream: Stream, remote: DeviceId): StreamChannel {
    const { limits, options } = this.#parts;
    const channel = new StreamChannel({ stream, remote, limits, runtime: options.runtime });
    this.#channels.add(channel);
    void channel.closed.then(() => {
      this.#channels.delete(channel);
      if (this.#outgoing.get(remote) === channel) this.#outgoing.delete(remote);
    });
    return channel;
  }
}

function withTimeout(signal: AbortSignal, ms: number): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(ms)]);
}
