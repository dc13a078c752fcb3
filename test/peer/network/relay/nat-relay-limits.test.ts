import { describe, expect, test } from "vitest";
import { startHostilePeer } from "../../../support/hostile-peer.ts";
import {
  ACCEPTED,
  bytesOf,
  connectTo,
  contains,
  DENIED,
  dialRelayed,
  echo,
  firstBytes,
  HOP,
  joinedAt,
  NOT_ACCEPTED,
  OK,
  REFUSED,
  reserveAt,
  STOP,
  startReachable,
  startUser,
  startWith,
} from "../../../support/nat-relay-users.ts";
import { startTestRelay } from "../../../support/relay-node.ts";

describe("within its limits a NAT relay", () => {
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
    await using relay = await startTestRelay({}, { nat: { maxReservations: 10, relayedMs: 4000 } });
    const bob = await startReachable(relay.address, echo);
    const { connection } = await dialRelayed(await startUser(), relay.address, bob);
    await expect.poll(() => connection.status).not.toBe("open");
    expect(relay.rules.counts()).toMatchObject({ reservations: 1, relayed: 0 });
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
});

describe("of its places a NAT relay", () => {
  test("gives a reservation's place back as soon as its holder is gone, and takes the holder again", async () => {
    await using relay = await startWith({ reservations: 1 });
    const bob = await startReachable(relay.address, echo);
    expect(relay.node.counts().reservations).toBe(1);
    await expect(startUser(relay.address)).rejects.toThrow();
    await bob.stop();
    await expect.poll(() => relay.node.counts().reservations).toBe(0);
    await startReachable(relay.address, echo);
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
    await expect.poll(() => relay.node.counts().reservations).toBe(0);
    expect(relay.rules.counts()).toMatchObject({ reservations: 0, connections: 1 });
    expect(contains(await reserveAt(relay.address, alice), OK)).toBe(true);
    expect(relay.rules.counts().reservations).toBe(1);
  });
});
