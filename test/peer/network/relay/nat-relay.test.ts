import { multiaddr } from "@multiformats/multiaddr";
import { describe, expect, test } from "vitest";
import { hasStopped } from "../../../support/channels.ts";
import { startHostilePeer } from "../../../support/hostile-peer.ts";
import {
  bytesOf,
  dialRelayed,
  echo,
  joinedAt,
  MIB,
  STOP,
  sendAll,
  startReachable,
  startUser,
  startWith,
} from "../../../support/nat-relay-users.ts";
import { startTestRelay } from "../../../support/relay-node.ts";

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
});
