import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { circuitRelayTransport } from "@libp2p/circuit-relay-v2";
import { identify } from "@libp2p/identify";
import type { Connection, Stream } from "@libp2p/interface";
import { tcp } from "@libp2p/tcp";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p, type Libp2p } from "libp2p";
import { describe, expect, onTestFinished, test } from "vitest";
import { drained } from "../../../peer/network/drained.ts";
import type { RelayLimits } from "../../../peer/relay/limits.ts";
import { hasStopped, soon } from "../../support/channels.ts";
import { type HostilePeer, type RawStream, startHostilePeer } from "../../support/hostile-peer.ts";
import { startTestRelay } from "../../support/relay-node.ts";

const PROTOCOL = "/test/1";
const HOP = "/libp2p/circuit/relay/0.2.0/hop";
const STOP = "/libp2p/circuit/relay/0.2.0/stop";
const MIB = 1024 * 1024;

/* Messages of circuit relay v2: a length and a protobuf. */
const RESERVE = Uint8Array.of(2, 8, 0);
const ACCEPTED = Uint8Array.of(4, 8, 1, 32, 100);
const NOT_ACCEPTED = Uint8Array.of(5, 8, 1, 32, 203, 1);
/** The status of an answer to a hop request. */
const OK = Uint8Array.of(40, 100);

function connectTo({ node }: HostilePeer): Uint8Array {
  const id = node.peerId.toMultihash().bytes;
  return Uint8Array.of(id.length + 6, 8, 1, 18, id.length + 2, 10, id.length, ...id);
}

/** A request that is refused: permission denied, and too many reservations. */
const DENIED = Uint8Array.of(40, 202, 1);
const REFUSED = Uint8Array.of(40, 200, 1);

const contains = (bytes: Uint8Array, part: Uint8Array) => Buffer.from(bytes).includes(part);

function firstBytes(stream: Stream): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    stream.addEventListener("message", ({ data }) => resolve(data.subarray()), { once: true });
    stream.addEventListener("close", ({ error }) => reject(error ?? new Error("closed")));
  });
}

/** As fast as flow control lets it. */
async function sendAll(stream: Stream, total: number): Promise<void> {
  const chunk = new Uint8Array(60 * 1024);
  for (let sent = 0; sent < total; sent += chunk.length) {
    await drained(stream, undefined);
    stream.send(chunk);
  }
}

async function reserveAt(relay: string, peer: HostilePeer): Promise<Uint8Array> {
  const { stream } = await peer.open(relay, { protocol: HOP });
  stream.send(RESERVE);
  return firstBytes(stream);
}

/** Two streams that a relay has joined. */
async function joinedAt(
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

const onRelayed = { runOnLimitedConnection: true };

/** A user of relays, by libp2p's own client. */
async function startUser(listenOn?: string): Promise<Libp2p> {
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
async function startReachable(relay: string, onStream: (stream: Stream) => void): Promise<Libp2p> {
  const node = await startUser(relay);
  await node.handle(PROTOCOL, onStream, onRelayed);
  await expect.poll(() => node.getMultiaddrs().length).toBeGreaterThan(0);
  return node;
}

const echo = (stream: Stream) => {
  stream.addEventListener("message", ({ data }) => {
    if (stream.status === "open") stream.send(data);
  });
};

async function dialRelayed(
  from: Libp2p,
  relay: string,
  to: Libp2p,
): Promise<{ connection: Connection; stream: Stream }> {
  const address = multiaddr(`${relay}/p2p-circuit/p2p/${to.peerId}`);
  const connection = await from.dial(address, { signal: soon() });
  return { connection, stream: await connection.newStream(PROTOCOL, onRelayed) };
}

function bytesOf(stream: Stream, wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let bytes = 0;
    stream.addEventListener("message", ({ data }) => {
      bytes += data.byteLength;
      if (bytes >= wanted) resolve(bytes);
    });
    stream.addEventListener("close", ({ error }) => reject(error ?? new Error("closed")));
  });
}

const startWith = (limits: Partial<RelayLimits> = {}) => startTestRelay(limits);

describe("a NAT relay", () => {
  test("joins two who cannot reach each other, without libp2p's limits of bytes and time", async () => {
    await using relay = await startWith();
    const bob = await startReachable(relay.address, echo);
    const alice = await startUser();
    const { connection, stream } = await dialRelayed(alice, relay.address, bob);
    expect(connection.direct).toBe(false);
    expect(connection.limits).toBeUndefined();
    const chunk = new Uint8Array(64 * 1024);
    for (let sent = 0; sent < 4; sent += 1) {
      const echoed = bytesOf(stream, chunk.length);
      stream.send(chunk);
      await echoed;
    }
    expect(relay.rules.counts()).toMatchObject({ reservations: 1, relayed: 1 });
    expect(relay.rules.counts().relayedBytes).toBeGreaterThan(8 * chunk.length);
    await connection.close();
    await expect.poll(() => relay.rules.counts().relayed).toBe(0);
  });

  test("gives a reservation's place back as soon as its holder is gone, and takes the holder again", async () => {
    await using relay = await startWith({ reservations: 1 });
    const bob = await startReachable(relay.address, echo);
    expect(relay.node.counts().reservations).toBe(1);
    await expect(startUser(relay.address)).rejects.toThrow();
    await bob.stop();
    await expect.poll(() => relay.node.counts().reservations).toBe(0);
    await startReachable(relay.address, echo);
  });

  test("gives one address no more reservations than it may have", async () => {
    await using relay = await startWith({ reservationsPerNetwork: 2 });
    await startReachable(relay.address, echo);
    await startReachable(relay.address, echo);
    await expect(startUser(relay.address)).rejects.toThrow();
    expect(relay.rules.counts().reservations).toBe(2);
  });

  test("relays no more connections of one user than it may", async () => {
    await using relay = await startWith({ relayedPerUser: 1 });
    const bob = await startReachable(relay.address, echo);
    await dialRelayed(await startUser(), relay.address, bob);
    await expect(dialRelayed(await startUser(), relay.address, bob)).rejects.toThrow();
    expect(relay.rules.counts().relayed).toBe(1);
  });

  test("cuts what goes beyond a user's bytes, and relays that user no more in this hour", async () => {
    await using relay = await startWith({ bytesPerUserAndHour: 256 * 1024 });
    const bob = await startReachable(relay.address, echo);
    const alice = await startUser();
    const { stream } = await dialRelayed(alice, relay.address, bob);
    await expect(
      (async () => {
        const echoed = bytesOf(stream, 1024 * 1024);
        stream.send(new Uint8Array(1024 * 1024));
        await echoed;
      })(),
    ).rejects.toThrow();
    await expect.poll(() => relay.rules.counts().relayed).toBe(0);
    await expect(dialRelayed(alice, relay.address, bob)).rejects.toThrow();
    // who asked for nothing has all of it left
    await dialRelayed(await startUser(), relay.address, bob);
  });

  test("relays no more connections that one address asked for than it may, whatever keys it has", async () => {
    await using relay = await startWith({ relayedPerNetwork: 2 });
    await using peers = new AsyncDisposableStack();
    const peerAt = async (from: string, protocols: string[] = []) =>
      peers.use(await startHostilePeer({ from, protocols }));
    const strangerAt = "127.0.0.9";
    for (const from of ["127.0.0.2", "127.0.0.3"]) {
      await joinedAt(relay.address, await peerAt(strangerAt), await peerAt(from, [STOP]));
    }
    const bob = await peerAt("127.0.0.4", [STOP]);
    expect(contains(await reserveAt(relay.address, bob), OK)).toBe(true);
    const { stream } = await (await peerAt(strangerAt)).open(relay.address, { protocol: HOP });
    stream.send(connectTo(bob));
    expect(contains(await firstBytes(stream), DENIED)).toBe(true);
    expect(relay.rules.counts().relayed).toBe(2);
    await joinedAt(relay.address, await peerAt("127.0.0.5"), bob);
  });

  test("cuts a relayed connection that lasts too long", async () => {
    await using relay = await startTestRelay({}, { nat: { maxReservations: 10, relayedMs: 500 } });
    const bob = await startReachable(relay.address, echo);
    const { connection } = await dialRelayed(await startUser(), relay.address, bob);
    await expect.poll(() => connection.status, { timeout: 5000 }).not.toBe("open");
    expect(relay.rules.counts()).toMatchObject({ reservations: 1, relayed: 0 });
  });

  test("holds little for a side that does not read, and hands all on once it does", async () => {
    await using relay = await startWith();
    await using bob = await startHostilePeer({ protocols: [STOP] });
    await using alice = await startHostilePeer();
    // below what both would agree on inside, which has flow control of its own
    const { near, far } = await joinedAt(relay.address, alice, bob);
    const [stream, slow] = [near.stream, far.stream];
    slow.pause();
    const total = 16 * MIB;
    const sending = sendAll(stream, total);
    await hasStopped(() => relay.rules.counts().relayedBytes);
    expect(relay.rules.counts().relayedBytes).toBeLessThan(4 * MIB);
    const all = bytesOf(slow, total);
    slow.resume();
    await sending;
    expect(await all).toBeGreaterThanOrEqual(total);
  });

  test("leaves reservation holders in peace however long nothing is said", async () => {
    await using relay = await startTestRelay({}, { limits: { sweepIntervalMs: 20, unusedConnectionMs: 100 } });
    const bob = await startReachable(relay.address, echo);
    const stranger = await startUser();
    await stranger.dial(multiaddr(relay.address));
    await expect.poll(() => relay.node.counts().connections).toBe(1);
    expect(bob.getConnections()).toHaveLength(1);
  });

  test("relays no more connections of one user than it may where several are asked for at once", async () => {
    await using relay = await startWith({ relayedPerUser: 1 });
    await using bob = await startHostilePeer({ protocols: [STOP] });
    await using alice = await startHostilePeer();
    await reserveAt(relay.address, bob);
    const connection = await alice.dial(relay.address);
    const one = await alice.open(connection, { protocol: HOP });
    const two = await alice.open(connection, { protocol: HOP });
    one.write(connectTo(bob));
    two.write(connectTo(bob));
    // bob has not answered yet
    expect(contains(await firstBytes(two.stream), DENIED)).toBe(true);
    (await bob.accept()).write(ACCEPTED);
    expect(contains(await firstBytes(one.stream), OK)).toBe(true);
    expect(relay.rules.counts().relayed).toBe(1);
  });

  test("gives the places of a connection back that comes to nothing", async () => {
    await using relay = await startWith({ relayedPerUser: 1 });
    await using bob = await startHostilePeer({ protocols: [STOP] });
    await using alice = await startHostilePeer();
    await reserveAt(relay.address, bob);
    const { stream } = await alice.open(relay.address, { protocol: HOP });
    stream.send(connectTo(bob));
    const asked = await bob.accept();
    asked.write(NOT_ACCEPTED);
    expect(contains(await firstBytes(stream), OK)).toBe(false);
    await expect.poll(() => relay.rules.counts().relayed).toBe(0);
    // bob leaves it open
    expect(await asked.closed).toBeInstanceOf(Error);
    const { stream: unknown } = await alice.open(relay.address, { protocol: HOP });
    unknown.send(connectTo(alice));
    await firstBytes(unknown);
    await expect.poll(() => relay.rules.counts().relayed).toBe(0);
  });

  test("counts a connection for as long as either side of it is there", async () => {
    await using relay = await startWith();
    await using bob = await startHostilePeer({ protocols: [STOP] });
    await using alice = await startHostilePeer();
    const { far } = await joinedAt(relay.address, alice, bob);
    await alice.node.getConnections()[0]?.close();
    await expect.poll(() => relay.node.counts().connections).toBe(1);
    await far.ended();
    expect(relay.rules.counts().relayed).toBe(1);
    await far.finish();
    await expect.poll(() => relay.rules.counts().relayed).toBe(0);
  });

  test("keeps no place for a reservation that libp2p refuses", async () => {
    await using relay = await startTestRelay({}, { nat: { maxReservations: 1, relayedMs: 60_000 } });
    await using alice = await startHostilePeer();
    await using bob = await startHostilePeer();
    expect(contains(await reserveAt(relay.address, alice), OK)).toBe(true);
    expect(contains(await reserveAt(relay.address, bob), REFUSED)).toBe(true);
    await expect.poll(() => relay.rules.counts().reservations).toBe(1);
    expect([alice, bob].map(({ peerId }) => relay.rules.hasReservation(peerId))).toEqual([true, false]);
    expect(relay.node.counts().reservations).toBe(1);
  });

  test("gives a reservation's place back when its time is over, its holder there or not", async () => {
    // libp2p counts in seconds
    const nat = { maxReservations: 10, relayedMs: 60_000, reservationMs: 1000 };
    await using relay = await startTestRelay({}, { nat });
    await using alice = await startHostilePeer();
    expect(contains(await reserveAt(relay.address, alice), OK)).toBe(true);
    await expect.poll(() => relay.node.counts().reservations, { timeout: 5000 }).toBe(0);
    expect(relay.rules.counts()).toMatchObject({ reservations: 0, connections: 1 });
    expect(contains(await reserveAt(relay.address, alice), OK)).toBe(true);
    expect(relay.rules.counts().reservations).toBe(1);
  });
});
