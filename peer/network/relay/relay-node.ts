import type { Connection, StreamHandler } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { type DeviceId, deviceIdOf } from "../../../shared/device-id.ts";
import { publicKeyOfSeed } from "../../../shared/ed25519.ts";
import { ChatError } from "../../../shared/errors.ts";
import { RELAY_PROTOCOLS } from "../../../shared/protocol.ts";
import { isRelayAddressOf } from "../../../shared/relay-address.ts";
import { announceableAddresses } from "../dialling/dialable.ts";
import { findDevice } from "../find-device.ts";
import { NETWORK_LIMITS, type NetworkLimits } from "../limits.ts";
import { StreamChannel } from "../streams/channel.ts";
import { endReservation } from "./nat-relay.ts";
import { networkOf } from "./network-of.ts";
import { createRelayNode, type RelayLibp2p } from "./relay-libp2p.ts";
import type { RelayNodeOptions } from "./relay-options.ts";

export type RelayNode = {
  readonly device: DeviceId;
  /** What others are told, each ending in `/p2p/<relay>`. */
  readonly addresses: readonly string[];
  /** The TCP port it listens on. */
  readonly port: number;
  counts(): { readonly connections: number; readonly reservations: number };
  /** Accepts nothing new, lets mailbox streams finish what they write, and closes. Idempotent. */
  stop(): Promise<void>;
};

/** Where a relay differs from a peer: many strangers, slow lines, streams that wait for hours. */
const RELAY_NETWORK_LIMITS = {
  ...NETWORK_LIMITS,
  // the gater counts sockets from the first moment
  pendingIncoming: Number.MAX_SAFE_INTEGER,
  firstFrameTimeoutMs: 60_000,
  frameTimeoutMs: 20_000,
  // users ask before: a relay does so of those that do not
  pingIntervalMs: 15_000,
  pingTimeoutMs: 12_000,
  // mailbox sessions see to it themselves
  idleTimeoutMs: Number.POSITIVE_INFINITY,
};

/**
 * Starts a relay's node.
 *
 * @throws ChatError CONFIG_INVALID with reason `listen` when an address is not to be had
 */
export async function startRelayNode(options: RelayNodeOptions): Promise<RelayNode> {
  const node = new Relay(options);
  await node.start();
  return node;
}

class Relay implements RelayNode {
  readonly device: DeviceId;
  readonly #options: RelayNodeOptions;
  readonly #limits: NetworkLimits;
  readonly #channels = new Set<StreamChannel>();
  readonly #open = new Set<string>();
  readonly #unusedSince = new Map<string, number>();
  #addresses: readonly string[] = [];
  #port = 0;
  #node: RelayLibp2p | undefined;
  #stopSweeping = () => {};
  #stopping: Promise<void> | undefined;

  constructor(options: RelayNodeOptions) {
    this.#options = options;
    this.#limits = { ...RELAY_NETWORK_LIMITS, ...options.limits };
    this.device = deviceIdOf(publicKeyOfSeed(options.seed));
  }

  get addresses(): readonly string[] {
    return this.#addresses;
  }

  get port(): number {
    return this.#port;
  }

  async start(): Promise<void> {
    const node = await createRelayNode({
      ...this.#options,
      limits: this.#limits,
      announced: () => this.#addresses,
    });
    this.#node = node;
    node.addEventListener("connection:open", ({ detail }) => this.#onConnection(detail));
    node.addEventListener("connection:close", ({ detail }) => this.#onDisconnection(detail));
    for (const [id, handler] of Object.entries(this.#options.handlers ?? {})) await node.handle(id, handler);
    const { onMailbox } = this.#options;
    if (onMailbox !== undefined) {
      const handler: StreamHandler = (stream, connection) => this.#onMailbox(onMailbox, stream, connection);
      await node.handle(RELAY_PROTOCOLS.mailbox, handler, { maxInboundStreams: 1 });
    }
    // wrong ones are refused before anything listens
    this.#addresses = this.#announced([]);
    try {
      await node.start();
    } catch (cause) {
      throw new ChatError("CONFIG_INVALID", "the port or address to listen on is not free", {
        reason: "listen",
        cause,
      });
    }
    const listening = node.services.listeners.getAddrs().map(String);
    this.#addresses = this.#announced(listening);
    this.#port = Number(multiaddr(listening[0] ?? "/").getComponents()[1]?.value ?? 0);
    this.#sweepLater();
  }

  counts() {
    return { connections: this.#open.size, reservations: this.#node?.services.nat?.reservations.size ?? 0 };
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#stopSweeping();
    await Promise.all([...this.#channels].map((channel) => channel.close()));
    await this.#node?.stop();
  }

  #announced(listening: readonly string[]): string[] {
    const { announce, allowLocal } = this.#options;
    if (announce.length === 0) return announceableAddresses(this.device, listening, allowLocal);
    const suffix = `/p2p/${this.device}`;
    const addresses = announce.map((address) => (address.endsWith(suffix) ? address : `${address}${suffix}`));
    const wrong = addresses.find((address) => !isRelayAddressOf(this.device, address));
    if (wrong === undefined) return addresses;
    throw new ChatError("CONFIG_INVALID", `${wrong} is no address of this relay`, { reason: "announce" });
  }

  /** A throw into libp2p's event target would end the process. */
  #onConnection(connection: Connection): void {
    this.#open.add(connection.id);
  }

  #onDisconnection({ id, remotePeer }: Connection): void {
    this.#open.delete(id);
    this.#unusedSince.delete(id);
    const node = this.#node;
    if (node === undefined || node.getConnections(remotePeer).length > 0) return;
    this.#options.rules.release(remotePeer.toString());
    if (node.services.nat !== undefined) endReservation(node.services.nat, remotePeer);
    // libp2p remembers every stranger for good
    node.peerStore.delete(remotePeer).catch(() => undefined);
  }

  #onMailbox(
    serve: NonNullable<RelayNodeOptions["onMailbox"]>,
    stream: Parameters<StreamHandler>[0],
    connection: Connection,
  ): void {
    const remote = findDevice(connection.remotePeer.toString());
    const network = networkOf(connection.remoteAddr);
    const leave = this.#stopping === undefined ? this.#options.rules.mailboxPlace(network) : undefined;
    if (remote === undefined || leave === undefined) {
      stream.abort(new Error("no place"));
      return;
    }
    const { runtime } = this.#options;
    const channel = new StreamChannel({ stream, connection, remote, limits: this.#limits, runtime });
    this.#channels.add(channel);
    void channel.closed.then(() => {
      this.#channels.delete(channel);
      leave();
    });
    void serve(channel, network);
  }

  #sweepLater(): void {
    this.#stopSweeping = this.#options.runtime.after(this.#limits.sweepIntervalMs, () => {
      this.#sweep(this.#options.runtime.monotonic());
      this.#sweepLater();
    });
  }

  /** Closes connections on which nothing runs. */
  #sweep(nowMs: number): void {
    const { rules } = this.#options;
    for (const connection of this.#node?.getConnections() ?? []) {
      // a ping of our own goes over a stream too
      const isUsed = connection.streams.some(({ protocol }) => !protocol.startsWith("/ipfs/ping/"));
      const since = this.#unusedSince.get(connection.id);
      if (isUsed || rules.hasReservation(connection.remotePeer.toString())) this.#unusedSince.delete(connection.id);
      else if (since === undefined) this.#unusedSince.set(connection.id, nowMs);
      else if (nowMs - since >= this.#limits.unusedConnectionMs) {
        connection.close().catch((error: Error) => connection.abort(error));
      }
    }
  }
}
