import net from "node:net";
import type { Connection, DialTransportOptions, Listener, Transport, Upgrader } from "@libp2p/interface";
import { transportSymbol } from "@libp2p/interface";
import type { TCPComponents, TCPSocketOptions } from "@libp2p/tcp";
import type { Multiaddr } from "@multiformats/multiaddr";
import { tcp } from "./tcp.ts";

export type SharedPortComponents = TCPComponents & { readonly upgrader: Upgrader };

type Options = {
  /** Peers that must see this node come from the port it listens on: its relays. */
  readonly isMetThere: (peerId: string) => boolean;
  /** A connection to one of them is open, and comes from there. */
  readonly onMetThere: (connection: Connection) => void;
};

/** A connection that both sides open at once. */
export type Meeting = {
  /** `/ip4|ip6/.../tcp/<port>/p2p/<device>`. */
  readonly address: Multiaddr;
  /** One of the two speaks first, in Noise, Yamux and all else. */
  readonly initiator: boolean;
  /** When to dial. The other side may come before that. */
  readonly ready: () => Promise<void>;
  /** Waits before a dial after one that was refused; false when that was enough. */
  readonly again: () => Promise<boolean>;
  readonly signal: AbortSignal;
};

type Expected = { readonly meeting: Meeting; readonly onConnection: (connection: Promise<Connection>) => void };

type Port = { readonly port: number; readonly ipv6Only: boolean };

/**
 * TCP whose listeners share their port with connections that this node opens. A router maps both to one outer address,
 * so where a relay sees the one come from, others find the other. Where the system cannot share a port this is plain TCP.
 */
export class SharedPort implements Transport {
  readonly [transportSymbol] = true as const;
  readonly [Symbol.toStringTag] = "p2pchat-shared-port";
  readonly #tcp: Transport;
  readonly #upgrader: Upgrader;
  readonly #options: Options;
  /** Each with its start. */
  readonly #listeners = new Map<Listener, Promise<void>>();
  readonly #expected = new Set<Expected>();
  readonly #fromPort = new WeakSet<Connection>();

  constructor(components: SharedPortComponents, options: Options) {
    const listenOpts: TCPSocketOptions & { reusePort: boolean } = { reusePort: CAN_SHARE };
    this.#tcp = tcp({ listenOpts })(components);
    this.#upgrader = components.upgrader;
    this.#options = options;
  }

  /** The ports that it listens on, once it does. */
  ports(): number[] {
    return this.#addresses().map(portOf);
  }

  /** Whether a connection comes from the port that this node listens on, as far as one can. */
  async comesFromPort(connection: Connection): Promise<boolean> {
    return this.#fromPort.has(connection) || (await this.#portFor(connection.remoteAddr)) === undefined;
  }

  async dial(address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    const { isMetThere, onMetThere } = this.#options;
    const port = isMetThere(peerOf(address)) ? await this.#portFor(address) : undefined;
    if (port === undefined) return this.#tcp.dial(address, options);
    try {
      const connection = await this.#dialFrom(port, address, options);
      this.#fromPort.add(connection);
      onMetThere(connection);
      return connection;
    } catch (error) {
      // another connection between the same two ports is there, or not forgotten yet
      if (!failedWith(error, "EADDRINUSE", "EADDRNOTAVAIL")) throw error;
      return this.#tcp.dial(address, options);
    }
  }

  /**
   * Opens one connection together with a peer that does the same. To the routers between them the packets of each look
   * like answers to the other's.
   */
  async meet(meeting: Meeting): Promise<Connection> {
    const arrival = Promise.withResolvers<Connection>();
    const expected = { meeting, onConnection: arrival.resolve };
    const settled = new AbortController();
    this.#expected.add(expected);
    try {
      const dialled = this.#dialOften(meeting, AbortSignal.any([meeting.signal, settled.signal]));
      return await Promise.race([arrival.promise, dialled, rejectedBy(meeting.signal)]);
    } finally {
      this.#expected.delete(expected);
      settled.abort();
    }
  }

  createListener({ upgrader }: { upgrader: Upgrader }): Listener {
    const upgradeInbound: Upgrader["upgradeInbound"] = async (socket, options) => {
      const expected = this.#take(socket.remoteAddr);
      if (expected === undefined) return upgrader.upgradeInbound(socket, options);
      const { meeting, onConnection } = expected;
      socket.remoteAddr = meeting.address;
      const connection = roleOf(meeting, upgrader).upgradeOutbound(socket, { signal: meeting.signal });
      onConnection(connection);
      await connection;
    };
    const listener = this.#tcp.createListener({ upgrader: instead(upgrader, { upgradeInbound }) });
    const listen = listener.listen.bind(listener);
    listener.listen = async (address) => {
      if (CAN_SHARE) assertFree(address);
      this.#listeners.set(listener, listen(address));
      await this.#listeners.get(listener);
    };
    listener.addEventListener("close", () => this.#listeners.delete(listener));
    return listener;
  }

  listenFilter(addresses: Multiaddr[]): Multiaddr[] {
    return this.#tcp.listenFilter(addresses);
  }

  dialFilter(addresses: Multiaddr[]): Multiaddr[] {
    return this.#tcp.dialFilter(addresses);
  }

  async #dialFrom(port: Port, address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    const handle = new net.BoundSocket({ ...port, reusePort: true });
    // its signal ends a socket for as long as that lives
    const dialling = new AbortController();
    const onAbort = () => dialling.abort(options.signal.reason);
    options.signal.addEventListener("abort", onAbort);
    try {
      const bound = { ...options, signal: dialling.signal, handle };
      return await this.#tcp.dial(address, bound);
    } finally {
      options.signal.removeEventListener("abort", onAbort);
      // only what no socket has taken over
      handle[Symbol.dispose]();
    }
  }

  /** A router refuses what comes before its own side has sent; both sides try until their packets cross. */
  async #dialOften(meeting: Meeting, signal: AbortSignal): Promise<Connection> {
    const port = await this.#portFor(meeting.address);
    if (port === undefined) throw new Error("no port to be met at");
    await meeting.ready();
    signal.throwIfAborted();
    const options = { signal, upgrader: roleOf(meeting, this.#upgrader) };
    for (;;) {
      try {
        return await this.#dialFrom(port, meeting.address, options);
      } catch (error) {
        // the other side's packet came first, and this side's listener has taken it
        if (failedWith(error, "EADDRINUSE", "EADDRNOTAVAIL")) return rejectedBy(signal);
        if (!failedWith(error, "ECONNREFUSED", "ECONNRESET") || !(await meeting.again())) throw error;
        signal.throwIfAborted();
      }
    }
  }

  #take(remote: Multiaddr): Expected | undefined {
    for (const expected of this.#expected) {
      if (!expected.meeting.address.equals(remote.encapsulate(`/p2p/${peerOf(expected.meeting.address)}`))) continue;
      this.#expected.delete(expected);
      return expected;
    }
    return undefined;
  }

  #addresses(): Multiaddr[] {
    return [...this.#listeners.keys()].flatMap((listener) => listener.getAddrs());
  }

  async #portFor(address: Multiaddr): Promise<Port | undefined> {
    if (!CAN_SHARE) return undefined;
    const version = ipVersion(address);
    // a relay may be dialled while the node is starting
    await Promise.allSettled(this.#listeners.values());
    const port = this.#addresses().find((candidate) => ipVersion(candidate) === version);
    return port && { port: portOf(port), ipv6Only: version === "ip6" };
  }
}

/** Node can since 26.4, on the systems that have SO_REUSEPORT. */
const CAN_SHARE = canShare();

function canShare(): boolean {
  if (!("BoundSocket" in net)) return false;
  try {
    new net.BoundSocket({ host: "127.0.0.1", reusePort: true }).close();
    return true;
  } catch {
    return false;
  }
}

/** A shared port lets a second listener of the same user in: two programs would take each other's connections. */
function assertFree(address: Multiaddr): void {
  const host = address.getComponents()[0]?.value;
  if (host === undefined || portOf(address) === 0) return;
  new net.BoundSocket({ host, port: portOf(address), ipv6Only: ipVersion(address) === "ip6" }).close();
}

/** The node's upgrader, made to speak first or second whoever opened the socket. */
function roleOf({ initiator }: Meeting, upgrader: Upgrader): Upgrader {
  const upgradeOutbound: Upgrader["upgradeOutbound"] = (socket, options) => {
    // Yamux goes by this
    socket.direction = initiator ? "outbound" : "inbound";
    return upgrader.upgradeOutbound(socket, { ...options, initiator });
  };
  return instead(upgrader, { upgradeOutbound });
}

function instead(upgrader: Upgrader, members: Partial<Upgrader>): Upgrader {
  return Object.assign(Object.create(upgrader), members);
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  if (signal.aborted) reject(signal.reason);
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return promise;
}

function failedWith(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

function ipVersion(address: Multiaddr): string | undefined {
  return address.getComponents()[0]?.name;
}

function portOf(address: Multiaddr): number {
  return Number(address.getComponents()[1]?.value);
}

function peerOf(address: Multiaddr): string {
  return address.getComponents().at(-1)?.value ?? "";
}
