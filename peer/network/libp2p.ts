import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { privateKeyFromRaw } from "@libp2p/crypto/keys";
import type { ConnectionGater } from "@libp2p/interface";
import { tcp } from "@libp2p/tcp";
import { createLibp2p, type Libp2p } from "libp2p";
import { concat } from "../../shared/bytes.ts";
import { publicKeyOfSeed } from "../../shared/ed25519.ts";
import type { NetworkLimits } from "./limits.ts";

type Listeners = { getAddrs(): { toString(): string }[] };

export type Libp2pNode = Libp2p<{ listeners: Listeners }>;

type Options = {
  readonly deviceSeed: Uint8Array;
  /** Multiaddrs; none makes a node that only dials. */
  readonly listen: readonly string[];
  /** Whether open connections are pinged, so that a dead one shows; by default when the node listens. */
  readonly monitored?: boolean;
  readonly gater: ConnectionGater;
  readonly limits: NetworkLimits;
};

/**
 * The one place that makes a libp2p node: TCP, Noise and Yamux, no discovery and no routing. There is no identify
 * service either: streams are opened by a known protocol id, and so nothing is said to strangers about addresses or
 * software.
 */
export async function createNode({
  deviceSeed,
  listen,
  monitored = listen.length > 0,
  gater,
  limits,
}: Options): Promise<Libp2pNode> {
  return createLibp2p({
    start: false,
    // libp2p derives a public key from a seed in JavaScript, which takes a tenth of a one-shot `send`
    privateKey: privateKeyFromRaw(concat(deviceSeed, publicKeyOfSeed(deviceSeed))),
    addresses: { listen: [...listen] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
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
    connectionMonitor: {
      // a node that only dials mostly lives too short a time for it
      enabled: monitored,
      pingInterval: limits.pingIntervalMs,
      pingTimeout: { minTimeout: limits.pingTimeoutMs, maxTimeout: 2 * limits.pingTimeoutMs },
    },
    services: {
      // getMultiaddrs() leaves public addresses out until some other service has confirmed them
      listeners: ({ transportManager }) => ({ getAddrs: () => transportManager.getAddrs() }),
    },
  });
}
