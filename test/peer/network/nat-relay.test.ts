import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { circuitRelayTransport } from "@libp2p/circuit-relay-v2";
import { identify } from "@libp2p/identify";
import type { Connection, Stream } from "@libp2p/interface";
import { tcp } from "@libp2p/tcp";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p, type Libp2p } from "libp2p";
import { describe, expect, onTestFinished, test } from "vitest";
import type { RelayLimits } from "../../../peer/relay/limits.ts";
import { soon } from "../../support/channels.ts";
import { startTestRelay } from "../../support/relay-node.ts";

const PROTOCOL = "/test/1";
const onRelayed = { runOnLimitedConnection: true };

/** A user of relays, by libp2p's own client. */
async function startUser(listenOn?: string): Promise<Libp2p> {
  const node = await createLibp2p({
    addresses: { listen: listenOn === undefined ? [] : [`${listenOn}/p2p-circuit`] },
    transports: [tcp(), circuitRelayTransport()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: 1 << 20, maxWriteBufferLength: 512 << 20 } })],
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
    const { stream } = await dialRelayed(await startUser(), relay.address, bob);
    await expect(
      (async () => {
        const echoed = bytesOf(stream, 1024 * 1024);
        stream.send(new Uint8Array(1024 * 1024));
        await echoed;
      })(),
    ).rejects.toThrow();
    await expect.poll(() => relay.rules.counts().relayed).toBe(0);
    await expect(dialRelayed(await startUser(), relay.address, bob)).rejects.toThrow();
  });

  test("cuts a relayed connection that lasts too long", async () => {
    await using relay = await startTestRelay({}, { nat: { maxReservations: 10, relayedMs: 500 } });
    const bob = await startReachable(relay.address, echo);
    const { connection } = await dialRelayed(await startUser(), relay.address, bob);
    await expect.poll(() => connection.status, { timeout: 5000 }).not.toBe("open");
    expect(relay.rules.counts()).toMatchObject({ reservations: 1, relayed: 0 });
  });

  test("holds no more than it says for a side that does not read, and hands all on once it does", async () => {
    await using relay = await startWith();
    const reading = Promise.withResolvers<Stream>();
    const bob = await startReachable(relay.address, (stream) => {
      stream.addEventListener("message", () => {});
      queueMicrotask(() => stream.pause());
      reading.resolve(stream);
    });
    const { stream } = await dialRelayed(await startUser(), relay.address, bob);
    const total = 64 * 1024 * 1024;
    const slow = await reading.promise;
    const before = relay.rules.counts().relayedBytes;
    const chunk = new Uint8Array(60 * 1024);
    for (let sent = 0; sent < total; sent += chunk.length) stream.send(chunk);
    let last = -1;
    await expect
      .poll(
        () => {
          const now = relay.rules.counts().relayedBytes;
          const stands = now === last;
          last = now;
          return stands && now > before;
        },
        { interval: 300, timeout: 15_000 },
      )
      .toBe(true);
    expect(relay.rules.counts().relayedBytes - before).toBeLessThan(16 * 1024 * 1024);
    const all = bytesOf(slow, total);
    slow.resume();
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
});
