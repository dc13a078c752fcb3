import type { CircuitRelayService } from "@libp2p/circuit-relay-v2";
import { privateKeyFromRaw } from "@libp2p/crypto/keys";
import { identify } from "@libp2p/identify";
import type { ConnectionGater, MultiaddrConnection, PeerId } from "@libp2p/interface";
import { ping } from "@libp2p/ping";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p, type Libp2p, type ServiceFactoryMap } from "libp2p";
import { concat } from "../../../shared/bytes.ts";
import { publicKeyOfSeed } from "../../../shared/ed25519.ts";
import { findDevice } from "../find-device.ts";
import type { NetworkLimits } from "../limits.ts";
import { heartbeat } from "../transport/heartbeat.ts";
import { listenAddresses } from "../transport/listen-addresses.ts";
import { muxer } from "../transport/muxer.ts";
import { noise } from "../transport/negotiation.ts";
import { tcp } from "../transport/tcp.ts";
import { natRelay } from "./nat-relay.ts";
import { networkOf } from "./network-of.ts";
import type { RelayNodeOptions, RelayRules } from "./relay-options.ts";

const RESERVATION_MS = 3_600_000;
const MAX_HOP_STREAMS = 32;
const MAX_HELD_BYTES = 256 * 1024;
const AGENT = "p2pchat";

type Services = {
  listeners: { getAddrs(): { toString(): string }[] };
  identify: unknown;
  ping: unknown;
  heartbeat: unknown;
  nat?: CircuitRelayService;
};

export type RelayLibp2p = Libp2p<Services>;

type Options = Pick<RelayNodeOptions, "seed" | "listen" | "rules" | "nat" | "runtime"> & {
  readonly limits: NetworkLimits;
  /** What others are told. */
  readonly announced: () => readonly string[];
};

/** The libp2p node of a relay, not started yet. */
export function createRelayNode(options: Options): Promise<RelayLibp2p> {
  const { seed, listen, limits, rules, announced } = options;
  return createLibp2p({
    start: false,
    privateKey: privateKeyFromRaw(concat(seed, publicKeyOfSeed(seed))),
    nodeInfo: { name: AGENT, version: "1", userAgent: AGENT },
    addresses: {
      listen: listenAddresses(listen),
      announceFilter: () => announced().map((address) => multiaddr(address)),
    },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [
      muxer({
        maxInboundStreams: limits.inboundStreamsPerConnection + MAX_HOP_STREAMS,
        streamOptions: { maxStreamWindowSize: limits.windowBytes, maxWriteBufferLength: limits.writeBufferBytes },
      }),
    ],
    connectionGater: relayGater(rules),
    connectionManager: {
      // the gater decides
      maxConnections: Number.MAX_SAFE_INTEGER,
      maxIncomingPendingConnections: limits.pendingIncoming,
      inboundConnectionThreshold: limits.inboundPerSecondAndAddress,
      inboundUpgradeTimeout: limits.upgradeTimeoutMs,
      inboundStreamProtocolNegotiationTimeout: limits.negotiationTimeoutMs,
      outboundStreamProtocolNegotiationTimeout: limits.negotiationTimeoutMs,
      reconnectRetries: 0,
    },
    connectionMonitor: { enabled: false },
    services: servicesOf(options),
  });
}

function servicesOf({ nat, rules, limits, runtime }: Options): ServiceFactoryMap<Services> {
  const shared = {
    rules,
    runtime,
    reservationMs: RESERVATION_MS,
    maxHeldBytes: MAX_HELD_BYTES,
    maxHopStreams: MAX_HOP_STREAMS,
  };
  return {
    listeners: ({ transportManager }) => ({ getAddrs: () => transportManager.getAddrs() }),
    // whoever asks is told; nobody is asked
    identify: identify({ runOnConnectionOpen: false }),
    ping: ping({ maxInboundStreams: 2 }),
    heartbeat: heartbeat({ limits, runtime }),
    ...(nat !== undefined && { nat: natRelay({ ...shared, ...nat }) }),
  };
}

function relayGater(rules: RelayRules): ConnectionGater {
  const userless = (peer: PeerId) => findDevice(peer.toString()) === undefined;
  return {
    denyDialPeer: () => true,
    denyDialMultiaddr: () => true,
    denyInboundConnection: (socket) => !mayEnter(socket, rules),
    denyInboundEncryptedConnection: userless,
  };
}

/** A socket has its place until it is closed: one that never shakes hands would else take places that nobody counts. */
function mayEnter(socket: MultiaddrConnection, rules: RelayRules): boolean {
  const network = networkOf(socket.remoteAddr);
  if (socket.status !== "open" || !rules.mayConnect(network)) return false;
  socket.addEventListener("close", rules.connected(network), { once: true });
  return true;
}
