import type { CircuitRelayTransportComponents } from "@libp2p/circuit-relay-v2";
import { privateKeyFromRaw } from "@libp2p/crypto/keys";
import type { ConnectionGater, Transport } from "@libp2p/interface";
import { createLibp2p, type Libp2p, type ServiceFactoryMap } from "libp2p";
import { concat } from "../../../shared/bytes.ts";
import { publicKeyOfSeed } from "../../../shared/ed25519.ts";
import type { Runtime } from "../../messaging/runtime.ts";
import type { NetworkLimits } from "../limits.ts";
import { heartbeat } from "./heartbeat.ts";
import { muxer } from "./muxer.ts";
import { noise } from "./negotiation.ts";
import { tcp } from "./tcp.ts";

/** What libp2p keeps to itself and its own transports. */
export type Libp2pParts = CircuitRelayTransportComponents;

type Services = { parts: Libp2pParts; heartbeat?: unknown };

export type Libp2pNode = Libp2p<Services>;

type Options = {
  readonly deviceSeed: Uint8Array;
  /** Multiaddrs; none makes a node that only dials. */
  readonly listen: readonly string[];
  /** Given: open connections are watched, so that a dead one shows. A node that only dials mostly lives too short a time. */
  readonly watchedBy?: Pick<Runtime, "after" | "monotonic">;
  readonly gater: ConnectionGater;
  readonly limits: NetworkLimits;
  /** Instead of plain TCP. */
  readonly transport?: (parts: Libp2pParts) => Transport;
};

function pickParts(parts: Libp2pParts): Libp2pParts {
  const { transportManager, connectionManager, upgrader, registrar, addressManager, connectionGater } = parts;
  const { peerId, peerStore, randomWalk, logger, events } = parts;
  return {
    ...{ transportManager, connectionManager, upgrader, registrar, addressManager, connectionGater },
    ...{ peerId, peerStore, randomWalk, logger, events },
  };
}

/**
 * The one place that makes a libp2p node: TCP, Noise and Yamux, no discovery and no routing. There is no identify
 * service either: streams are opened by a known protocol id, and so nothing is said to strangers about addresses or
 * software.
 */
export async function createNode({
  deviceSeed,
  listen,
  watchedBy,
  gater,
  limits,
  transport = tcp(),
}: Options): Promise<Libp2pNode> {
  const services: ServiceFactoryMap<Services> = {
    // not the parts themselves: libp2p starts and stops whatever it is given as a service
    parts: (parts) => pickParts(parts),
    ...(watchedBy !== undefined && { heartbeat: heartbeat({ limits, runtime: watchedBy }) }),
  };
  return createLibp2p({
    start: false,
    // libp2p derives a public key from a seed in JavaScript, which takes a tenth of a one-shot `send`
    privateKey: privateKeyFromRaw(concat(deviceSeed, publicKeyOfSeed(deviceSeed))),
    addresses: { listen: [...listen] },
    transports: [transport],
    connectionEncrypters: [noise()],
    streamMuxers: [
      muxer({
        maxInboundStreams: limits.inboundStreamsPerConnection,
        streamOptions: { maxStreamWindowSize: limits.windowBytes, maxWriteBufferLength: limits.writeBufferBytes },
      }),
    ],
    connectionGater: gater,
    connectionManager: {
      // the gater decides by name; libp2p would refuse or prune contacts and strangers alike
      maxConnections: limits.connections + limits.pendingIncoming,
      maxIncomingPendingConnections: limits.pendingIncoming,
      inboundConnectionThreshold: limits.inboundPerSecondAndAddress,
      inboundUpgradeTimeout: limits.upgradeTimeoutMs,
      inboundStreamProtocolNegotiationTimeout: limits.negotiationTimeoutMs,
      outboundStreamProtocolNegotiationTimeout: limits.negotiationTimeoutMs,
      addressDialTimeout: limits.addressDialTimeoutMs,
      dialTimeout: limits.dialTimeoutMs,
      // the outbox redials: libp2p would give up after five attempts, silently
      reconnectRetries: 0,
    },
    connectionMonitor: { enabled: false },
    services,
  });
}
