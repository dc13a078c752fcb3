import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { circuitRelayTransport } from "@libp2p/circuit-relay-v2";
import { identify } from "@libp2p/identify";
import type { Connection, Stream } from "@libp2p/interface";
import { tcp } from "@libp2p/tcp";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p, type Libp2p } from "libp2p";
import { expect, onTestFinished } from "vitest";
import { drained } from "../../peer/network/streams/drained.ts";
import type { RelayLimits } from "../../peer/relay/limits.ts";
import { soon } from "./channels.ts";
import type { HostilePeer, RawStream } from "./hostile-peer.ts";
import { startTestRelay } from "./relay-node.ts";

export const PROTOCOL = "/test/1";
export const HOP = "/libp2p/circuit/relay/0.2.0/hop";
export const STOP = "/libp2p/circuit/relay/0.2.0/stop";
export const MIB = 1024 * 1024;

/* Messages of circuit relay v2: a length and a protobuf. */
export const RESERVE = Uint8Array.of(2, 8, 0);
export const ACCEPTED = Uint8Array.of(4, 8, 1, 32, 100);
export const NOT_ACCEPTED = Uint8Array.of(5, 8, 1, 32, 203, 1);

/** The status of an answer to a hop request. */
export const OK = Uint8Array.of(40, 100);

export function connectTo({ node }: HostilePeer): Uint8Array {
  const id = node.peerId.toMultihash().bytes;
  return Uint8Array.of(id.length + 6, 8, 1, 18, id.length + 2, 10, id.length, ...id);
}

/** A request that is refused. */
export const DENIED = Uint8Array.of(40, 202, 1);
/** The same, for too many reservations. */
export const REFUSED = Uint8Array.of(40, 200, 1);
export const contains = (bytes: Uint8Array, part: Uint8Array) => Buffer.from(bytes).includes(part);

export function firstBytes(stream: Stream): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    stream.addEventListener("message", ({ data }) => resolve(data.subarray()), { once: true });
    stream.addEventListener("close", ({ error }) => reject(error ?? new Error("closed")));
  });
}

/** As fast as flow control lets it. */
export async function sendAll(stream: Stream, total: number): Promise<void> {
  const chunk = new Uint8Array(60 * 1024);
  for (let sent = 0; sent < total; sent += chunk.length) {
    await drained(stream, undefined);
    stream.send(chunk);
  }
}

export async function reserveAt(relay: string, peer: HostilePeer): Promise<Uint8Array> {
  const { stream } = await peer.open(relay, { protocol: HOP });
  stream.send(RESERVE);
  return firstBytes(stream);
}

/** Two streams that a relay has joined. */
export async function joinedAt(
  relay: string,
  from: HostilePeer,
  to: HostilePeer,
): Promise<{ near: RawStream; far: RawStream }> {
  expect(contains(await reserveAt(relay, to), OK)).toBe(true);
  const near = await from.open(relay, { protocol: HOP });
  near.write(connectTo(to));
  const far = await to.accept();
  far.write(ACCEPTED);
  expect(contains(await firstBytes(near.stream), OK)).toBe(true);
  return { near, far };
}

export const onRelayed = { runOnLimitedConnection: true };

/** A user of relays, by libp2p's own client. */
export async function startUser(listenOn?: string): Promise<Libp2p> {
  const node = await createLibp2p({
    addresses: { listen: listenOn === undefined ? [] : [`${listenOn}/p2p-circuit`] },
    transports: [tcp(), circuitRelayTransport()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: 1 << 20 } })],
    connectionGater: { denyDialMultiaddr: () => false },
    connectionMonitor: { enabled: false },
    services: { identify: identify() },
  });
  onTestFinished(() => node.stop());
  return node;
}

/** Somebody with a reservation, who does with a stream what `onStream` does. */
export async function startReachable(relay: string, onStream: (stream: Stream) => void): Promise<Libp2p> {
  const node = await startUser(relay);
  await node.handle(PROTOCOL, onStream, onRelayed);
  await expect.poll(() => node.getMultiaddrs().length).toBeGreaterThan(0);
  return node;
}

export const echo = (stream: Stream) => {
  stream.addEventListener("message", ({ data }) => {
    if (stream.status === "open") stream.send(data);
  });
};

export async function dialRelayed(
  from: Libp2p,
  relay: string,
  to: Libp2p,
): Promise<{ connection: Connection; stream: Stream }> {
  const address = multiaddr(`${relay}/p2p-circuit/p2p/${to.peerId}`);
  const connection = await from.dial(address, { signal: soon() });
  return { connection, stream: await connection.newStream(PROTOCOL, onRelayed) };
}

export function bytesOf(stream: Stream, wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let bytes = 0;
    stream.addEventListener("message", ({ data }) => {
      bytes += data.byteLength;
      if (bytes >= wanted) resolve(bytes);
    });
    stream.addEventListener("close", ({ error }) => reject(error ?? new Error("closed")));
  });
}

export const startWith = (limits: Partial<RelayLimits> = {}) => startTestRelay(limits);
