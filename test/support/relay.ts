import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { circuitRelayServer, type ServerReservationStoreInit } from "@libp2p/circuit-relay-v2";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import type { Connection } from "@libp2p/interface";
import { tcp } from "@libp2p/tcp";
import { createLibp2p, type Libp2p } from "libp2p";
import { seedOf } from "./networks.ts";

/** A relay as libp2p ships it. */
export type TestRelay = {
  readonly node: Libp2p;
  /** Ends in `/p2p/<relay>`. */
  readonly address: string;
  readonly id: string;
  readonly port: number;
  /** As if the other side had asked for a place. */
  pretendReserved(connection: Connection): void;
  [Symbol.asyncDispose](): Promise<void>;
};

type Options = {
  /** Loopback by default. */
  readonly host?: string;
  /** The same again, for a relay that restarts. */
  readonly port?: number;
  readonly reservations?: ServerReservationStoreInit;
};

export async function startRelay(
  name: string,
  { host = "127.0.0.1", port = 0, reservations = {} }: Options = {},
): Promise<TestRelay> {
  const node = await createLibp2p({
    privateKey: await generateKeyPairFromSeed("Ed25519", seedOf(name)),
    addresses: { listen: [`/ip4/${host}/tcp/${port}`] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: 1000 },
    connectionMonitor: { enabled: false },
    services: { relay: circuitRelayServer({ reservations: { applyDefaultLimit: false, ...reservations } }) },
  });
  // libp2p announces no public address by itself
  const address = node.getMultiaddrs()[0]?.toString() ?? `/ip4/${host}/tcp/${port}/p2p/${node.peerId}`;
  return {
    node,
    address,
    id: node.peerId.toString(),
    pretendReserved: ({ remotePeer, remoteAddr }) => {
      const expiry = new Date(Date.now() + 60_000);
      const signal = Object.assign(AbortSignal.timeout(60_000), { reset() {}, clear() {} });
      node.services.relay.reservations.set(remotePeer, { addr: remoteAddr, expiry, signal });
    },
    port: Number(address.split("/")[4]),
    [Symbol.asyncDispose]: async () => node.stop(),
  };
}
