import type { Connection, Stream, StreamHandler } from "@libp2p/interface";
import { type DeviceId, parseDeviceId } from "../../shared/device-id.ts";
import { ChatError, isChatError } from "../../shared/errors.ts";
import { STREAM_PROTOCOLS } from "../../shared/protocol.ts";
import type { Channel, Transport } from "../messaging/ports/transport.ts";
import type { ConnectionCounts, Connections } from "./connections.ts";
import { dialFailure, isUnsupportedProtocol } from "./dialling/dial-failure.ts";
import type { Dialler } from "./dialling/dialler.ts";
import { race } from "./dialling/race.ts";
import { findDevice } from "./find-device.ts";
import type { NetworkLimits } from "./limits.ts";
import type { NetworkOptions } from "./node.ts";
import { Reachability } from "./reachability.ts";
import { endIfSilent, endUnlessAlive } from "./reservations/alive.ts";
import type { RelayStatus, Reservations } from "./reservations/reservations.ts";
import type { Channels } from "./streams/channels.ts";
import { openStream } from "./streams/open-stream.ts";
import type { Libp2pNode } from "./transport/libp2p.ts";
import { ping } from "./transport/muxer.ts";
import { Upgrades } from "./upgrades.ts";

export type NetworkStatus = ConnectionCounts & {
  readonly channels: number;
  /** Connections and streams refused since the start, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  /** The relays that were tried, the preferred first. */
  readonly reservations: readonly RelayStatus[];
};

type Parts = {
  readonly self: DeviceId;
  readonly node: Libp2pNode;
  readonly connections: Connections<Connection>;
  readonly reservations: Reservations;
  readonly isRelay: (device: DeviceId) => boolean;
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
  readonly #upgrades: Upgrades;
  readonly #reachability: Reachability;
  #stopSweeping = () => {};
  #stopping: Promise<void> | undefined;

  constructor(parts: Parts) {
    const { limits, log, connections, options } = parts;
    this.device = parts.self;
    this.#parts = parts;
    this.#reachability = new Reachability({ ...parts, onShaken: () => this.#lookAfresh() });
    this.#upgrades = new Upgrades({
      best: (device) => connections.best(device),
      attempt: (device, relayed, signal) => this.#getOffRelay(device, relayed, signal),
      ...{ runtime: options.runtime, limits, log },
    });
  }

  async start(): Promise<void> {
    const { node, limits, channels, options } = this.#parts;
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
    if (options.listen !== undefined) await this.#reachability.start();
  }

  async connect(device: DeviceId, addresses: readonly string[], signal: AbortSignal): Promise<Channel> {
    if (this.#stopping !== undefined) {
      throw new ChatError("PEER_UNREACHABLE", "the node has stopped", { reason: "stopped" });
    }
    const { stream, connection } = await this.#openStream(device, addresses, signal);
    return this.#parts.channels.openTo(device, stream, connection);
  }

  openGossip(device: DeviceId, signal: AbortSignal): Promise<Channel | undefined> {
    return this.#openBeside(device, STREAM_PROTOCOLS.checkpoint, signal);
  }

  openTyping(device: DeviceId, signal: AbortSignal): Promise<Channel | undefined> {
    return this.#openBeside(device, STREAM_PROTOCOLS.typing, signal);
  }

  /** Over the connection that is there; undefined without one. */
  async #openBeside(device: DeviceId, protocol: string, signal: AbortSignal): Promise<Channel | undefined> {
    const connection = this.#parts.connections.best(device);
    if (connection === undefined || this.#stopping !== undefined) return undefined;
    try {
      const stream = await this.#negotiate(connection, protocol, signal);
      return this.#parts.channels.track(device, stream, connection);
    } catch (error) {
      throw dialFailure(error, signal);
    }
  }

  addresses(): readonly string[] {
    return this.#reachability.addresses();
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
    this.#reachability.unwatch();
    this.#upgrades.stop();
    await Promise.all([this.#parts.channels.close(), this.#reachability.stop()]);
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
   * is there and willing. One that does not answer is passed over until it does.
   */
  async #openStream(device: DeviceId, addresses: readonly string[], signal: AbortSignal): Promise<OpenedStream> {
    const { connections, dialler } = this.#parts;
    const open = async (connection: Connection) => ({
      stream: await this.#negotiate(connection, STREAM_PROTOCOLS.message, signal),
      connection,
    });
    const dial = () => dialler.dial(device, { nearby: this.#reachability.nearby(device), record: addresses }, signal);
    try {
      for (;;) {
        const known = connections.best(device);
        try {
          const opened = await open(known ?? (await dial()));
          if (opened.connection.direct || connections.best(device)?.direct !== true) return opened;
          opened.stream.abort(new Error("there is a way without a relay by now"));
        } catch (error) {
          if (known === undefined || signal.aborted || isUnsupportedProtocol(error)) throw error;
          this.#doubt(device, known, error);
        }
      }
    } catch (error) {
      throw dialFailure(error, signal);
    }
  }

  /** Where packets vanish for a while, a connection lives on: once it answers, it is the way again. */
  #doubt(device: DeviceId, connection: Connection, why: unknown): void {
    const { connections, channels } = this.#parts;
    connections.distrust(device, connection);
    // one that refuses is there all the time
    if (!isChatError(why, "TIMED_OUT")) return;
    const onAnswer = () => {
      connections.trust(device, connection);
      if (connection.direct) channels.endRelayed(device);
    };
    ping(connection).then(onAnswer, () => undefined);
    if (connections.best(device)?.direct === false) this.#leaveRelay(device, true);
  }

  #negotiate(connection: Connection, protocol: string, signal: AbortSignal): Promise<Stream> {
    const { limits, options } = this.#parts;
    return openStream(connection, protocol, { runtime: options.runtime, limits, signal });
  }

  /** Thrown into libp2p's event target, an error of the owner's would end the process. */
  #onConnection(connection: Connection): void {
    const { connections, channels, isRelay, options, log } = this.#parts;
    try {
      const device = parseDeviceId(connection.remotePeer.toString());
      const isFirst = connections.add(device, connection);
      // whichever side's attempt it came of
      if (connection.direct) channels.endRelayed(device);
      if (isFirst && !isRelay(device)) options.events.onConnected(device);
      if (!connection.direct) this.#leaveRelay(device, connection.direction === "outbound");
    } catch (error) {
      log("connection dropped", { error: String(error) });
      connection.abort(new Error("not accepted", { cause: error }));
    }
  }

  /**
   * A relayed connection beside a direct one: to one of the two that is dead. No other can take its place as long as it
   * holds the port, on either side.
   */
  #leaveRelay(device: DeviceId, anew: boolean): void {
    const { connections, limits, options } = this.#parts;
    const { listen, isContact, runtime } = options;
    if (listen === undefined || !isContact(device)) return;
    const checks = connections.direct(device).map((connection) => endIfSilent(connection, { runtime, limits }));
    void Promise.all(checks).then(() => this.#upgrades.offer(device, anew));
  }

  async #getOffRelay(device: DeviceId, relayed: Connection, signal: AbortSignal): Promise<void> {
    const { dialler, options, limits } = this.#parts;
    const { runtime, punching } = options;
    const known = { nearby: this.#reachability.nearby(device), record: options.addressesOf?.(device) ?? [] };
    const straight = async (attempt: AbortSignal) => {
      if (!(await dialler.dialDirectly(device, known, attempt))) throw new Error("no address to dial");
    };
    const punch = async (attempt: AbortSignal) => {
      if (punching === undefined) throw new Error("no punching");
      await punching.upgrade(relayed, attempt);
    };
    const attempts = [
      { delayMs: 0, run: straight },
      { delayMs: limits.punchHeadStartMs, run: punch },
    ];
    // a connection too many is closed as any other that is doubled
    await race(attempts, { runtime, signal, discard: () => {} });
  }

  #lookAfresh(): void {
    const { connections, limits, options } = this.#parts;
    this.#upgrades.renew();
    for (const connection of connections.all()) endUnlessAlive(connection, { runtime: options.runtime, limits });
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
