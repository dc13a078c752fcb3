import { AsyncLocalStorage } from "node:async_hooks";
import {
  type CircuitRelayServerComponents,
  type CircuitRelayService,
  circuitRelayServer,
} from "@libp2p/circuit-relay-v2";
import type { Connection, PeerId, Stream, StreamHandler } from "@libp2p/interface";
import { watchRelayedPair } from "./relayed-pair.ts";

/** Who may be relayed, and how much; users are peer ids. */
export interface RelayingRules {
  /** Whether a connection from one user to another may begin now. */
  mayRelay(from: string, to: string): boolean;
  /** Takes note of one that begins; the answer takes note of its end. */
  relaying(from: string, to: string): () => void;
  /** Counts bytes between the two; false: they have had enough. */
  transferred(from: string, to: string, bytes: number): boolean;
}

type Options = {
  readonly rules: RelayingRules;
  readonly maxReservations: number;
  readonly reservationMs: number;
  readonly relayedMs: number;
  /** Of one relayed connection, held here for a side that does not read; each way. */
  readonly maxHeldBytes: number;
  /** From one user, at once. */
  readonly maxHopStreams: number;
};

const HOP_TIMEOUT_MS = 10_000;

/** A hop stream, as long as its request is being handled. */
type Hop = { readonly stream: Stream; readonly from: PeerId };

/**
 * libp2p's circuit relay v2 server without its own limits, which cut a conversation after 128 KiB or two minutes, and
 * with ours: it is given a registrar and connections through which each pair of joined streams is seen.
 */
export function natRelay(options: Options): (components: CircuitRelayServerComponents) => CircuitRelayService {
  const hops = new AsyncLocalStorage<Hop>();
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
      (stream, connection) =>
        hops.run({ stream, from: connection.remotePeer }, () => handler(stream, connection));
    return create({
      ...{ logger, peerStore, addressManager, peerId, privateKey, connectionGater },
      registrar: shadow(registrar, {
        handle: (protocols, handler, init) => registrar.handle(protocols, seenHandler(handler), init),
      }),
      connectionManager: shadow(connectionManager, {
        getConnections: (peer) => connectionManager.getConnections(peer).map((one) => seen(one, hops, options)),
      }),
    });
  };
}

/** A connection on which the stream that a hop is joined with is watched. */
function seen(connection: Connection, hops: AsyncLocalStorage<Hop>, options: Options): Connection {
  return shadow(connection, {
    newStream: async (protocols, init) => {
      const hop = hops.getStore();
      const stream = await connection.newStream(protocols, init);
      if (hop !== undefined) void relay(hop, { stream, to: connection.remotePeer }, options);
      return stream;
    },
  });
}

async function relay(hop: Hop, stop: { stream: Stream; to: PeerId }, options: Options): Promise<void> {
  const { rules, maxHeldBytes, relayedMs } = options;
  const [from, to] = [hop.from.toString(), stop.to.toString()];
  const ended = rules.relaying(from, to);
  const timer = setTimeout(() => {
    for (const stream of [hop.stream, stop.stream]) stream.abort(new Error("relayed for long enough"));
  }, relayedMs);
  // the first listener gets what has arrived: that is to be libp2p's, which reads the answer to its request
  await new Promise((resolve) => setImmediate(resolve));
  await watchRelayedPair(hop.stream, stop.stream, {
    maxBytes: maxHeldBytes,
    transferred: (bytes) => rules.transferred(from, to, bytes),
  });
  clearTimeout(timer);
  ended();
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
