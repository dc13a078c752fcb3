import { AsyncLocalStorage } from "node:async_hooks";
import {
  type CircuitRelayServerComponents,
  type CircuitRelayService,
  circuitRelayServer,
} from "@libp2p/circuit-relay-v2";
import type { Connection, PeerId, StreamHandler } from "@libp2p/interface";
import type { Runtime } from "../../messaging/runtime.ts";
import { Hop } from "./hop.ts";

/** Who asked for a relayed connection, and from where. */
export type Caller = { readonly user: string; readonly network: string };

/** Who may be relayed, and how much; users are peer ids. A network is an IPv4 address or an IPv6 /64. */
export interface RelayingRules {
  /** Takes, or keeps, a place for the user's reservation. */
  reserve(user: string, network: string): boolean;
  /** The user has no reservation, or none any more. */
  release(user: string): void;
  /** Takes places for a connection from one user to another, and gives back how to leave them; undefined: not now. */
  relaying(from: Caller, to: string): (() => void) | undefined;
  /** Counts bytes of a connection that somebody asked for, whichever way; false: that was enough. */
  transferred(from: Caller, bytes: number): boolean;
}

export type NatRelayOptions = {
  readonly rules: RelayingRules;
  readonly maxReservations: number;
  readonly reservationMs: number;
  readonly relayedMs: number;
  /** Of one relayed connection, held here for a side that does not read; each way. */
  readonly maxHeldBytes: number;
  /** From one user, at once. */
  readonly maxHopStreams: number;
  readonly runtime: Pick<Runtime, "after">;
};

const HOP_TIMEOUT_MS = 10_000;

/**
 * libp2p's circuit relay v2 server without its own limits, which cut a conversation after 128 KiB or two minutes, and
 * with ours: it is given a registrar, a gater and connections through which each request is seen from its beginning to
 * the end of what comes of it.
 */
export function natRelay(options: NatRelayOptions): (components: CircuitRelayServerComponents) => CircuitRelayService {
  const hops = new AsyncLocalStorage<Hop>();
  const { rules } = options;
  const create = circuitRelayServer({
    hopTimeout: HOP_TIMEOUT_MS,
    maxInboundHopStreams: options.maxHopStreams,
    maxOutboundStopStreams: Number.MAX_SAFE_INTEGER,
    reservations: {
      applyDefaultLimit: false,
      maxReservations: options.maxReservations,
      reservationTtl: options.reservationMs,
    },
  });
  return ({ logger, peerStore, addressManager, peerId, privateKey, connectionGater, registrar, connectionManager }) => {
    const seenHandler =
      (handler: StreamHandler): StreamHandler =>
      async (stream, connection) => {
        const hop = new Hop(stream, connection, options);
        try {
          await hops.run(hop, async () => handler(stream, connection));
        } finally {
          hop.answered();
          agree(connection.remotePeer, hop);
        }
      };
    const server = create({
      ...{ logger, peerStore, addressManager, peerId, privateKey },
      connectionGater: shadow(connectionGater, {
        denyInboundRelayReservation: () => hops.getStore()?.reserve() !== true,
        denyOutboundRelayedConnection: (_, to) => hops.getStore()?.mayConnect(to) !== true,
      }),
      registrar: shadow(registrar, {
        handle: (protocols, handler, init) => registrar.handle(protocols, seenHandler(handler), init),
      }),
      connectionManager: shadow(connectionManager, {
        getConnections: (peer) => connectionManager.getConnections(peer).map((one) => seen(one, hops)),
      }),
    });
    const watched = new WeakSet<AbortSignal>();
    /** Makes libp2p's store and our count of places say the same of a user, whatever came of the request. */
    const agree = (user: PeerId, hop: Hop) => {
      const release = () => rules.release(user.toString());
      const { signal } = server.reservations.get(user) ?? {};
      if (signal === undefined) return release();
      if (connectionManager.getConnections(user).length === 0 || !hop.reserve()) {
        endReservation(server, user);
        return release();
      }
      if (!watched.has(signal)) signal.addEventListener("abort", release);
      watched.add(signal);
    };
    return server;
  };
}

/** Forgets a user's reservation; libp2p does when its time is over, and not when the user is gone. */
export function endReservation({ reservations }: CircuitRelayService, user: PeerId): void {
  // or it would end the next one of the same user, when this one's time is over
  reservations.get(user)?.signal.clear();
  reservations.delete(user);
}

/** A connection on which the stream that a hop is joined with is seen. */
function seen(connection: Connection, hops: AsyncLocalStorage<Hop>): Connection {
  return shadow(connection, {
    newStream: async (protocols, init) => {
      const stream = await connection.newStream(protocols, init);
      hops.getStore()?.opened(stream);
      return stream;
    },
  });
}

/** The same object with some members of ours. */
function shadow<T extends object>(real: T, own: Partial<T>): T {
  return new Proxy(real, {
    get(target, name) {
      const value: unknown = Reflect.get(name in own ? own : target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
