import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { encodeMailboxFrame } from "../../../../shared/mailbox-frames.ts";
import { RELAY_PROTOCOLS } from "../../../../shared/protocol.ts";
import { expectError } from "../../../support/expect-error.ts";
import { RelayEnd } from "../../../support/fake-mailbox.ts";
import { openRawTcp, startHostilePeer } from "../../../support/hostile-peer.ts";
import { newBox, newParcel } from "../../../support/mailbox.ts";
import { startTestRelay, type TestRelay } from "../../../support/relay-node.ts";

const mailbox = { protocol: RELAY_PROTOCOLS.mailbox };

/** One owner and one sender who know nothing of an attack: a parcel goes through, with its notice. */
async function assertServes(relay: TestRelay): Promise<void> {
  const owner = newBox();
  await using alice = await relay.connect();
  await using bob = await relay.connect();
  const noticed = new Promise<void>((resolve) => alice.onNotice(() => resolve()));
  await alice.open(owner.contacts);
  const parcel = newParcel();
  await bob.deposit(owner.box, owner.token(), parcel);
  await noticed;
  const { parcels, last } = await alice.fetch(owner.box, 0);
  expect(parcels.map((found) => Buffer.from(found.parcel).equals(parcel))).toEqual([true]);
  await alice.receipt(owner.key, [last]);
  expect(await alice.fetch(owner.box, 0)).toMatchObject({ parcels: [], more: false });
}

describe("a relay's mailbox over TCP", () => {
  test("takes a thousand parcels at once from one connection and gives them back in order", async () => {
    await using relay = await startTestRelay();
    await using alice = await relay.connect();
    await using bob = await relay.connect();
    const owner = newBox();
    await alice.open(owner.contacts);
    const parcels = Array.from({ length: 1000 }, () => newParcel());
    await Promise.all(parcels.map((parcel) => bob.deposit(owner.box, owner.token(), parcel)));
    const found: Uint8Array[] = [];
    for (let after = 0, more = true; more; ) {
      const page = await alice.fetch(owner.box, after);
      found.push(...page.parcels.map(({ parcel }) => parcel));
      ({ last: after, more } = page);
    }
    expect(found.map((parcel) => Buffer.from(parcel).toString("base64"))).toEqual(
      parcels.map((parcel) => Buffer.from(parcel).toString("base64")),
    );
    await expectError(() => bob.deposit(owner.box, owner.token(), newParcel()), "QUOTA", "box");
  });

  test("lets nobody read a box who did not open it on that stream", async () => {
    await using relay = await startTestRelay();
    await using alice = await relay.connect();
    await using mallory = await relay.connect();
    const owner = newBox();
    await alice.open(owner.contacts);
    await expectError(() => mallory.fetch(owner.box, 0), "NOT_FOUND");
    await expectError(() => mallory.receipt(newBox().key, [1]), "NOT_FOUND");
    await expectError(() => mallory.deposit(owner.box, new Uint8Array(32), newParcel()), "TOKEN_INVALID", "mac");
  });

  test("leaves whoever sends garbage, below and above libp2p, and serves the others", async () => {
    await using relay = await startTestRelay({}, { limits: { upgradeTimeoutMs: 500 } });
    await using mallory = await startHostilePeer();
    const tcp = await openRawTcp(relay.address);
    tcp.socket.write(randomBytes(10_000));
    await tcp.closed;
    for (const write of [
      (end: RelayEnd) => end.raw.write(randomBytes(100_000)),
      (end: RelayEnd) => end.raw.writeFrame(randomBytes(100)),
      (end: RelayEnd) => end.raw.writeFrame(new Uint8Array(10), { length: 2 ** 31 }),
      (end: RelayEnd) => end.say({ type: "deleted", request: 1 }),
    ]) {
      const end = new RelayEnd(await mallory.open(relay.address, mailbox));
      await end.raw.readFrame();
      write(end);
      await end.raw.closed;
    }
    await assertServes(relay);
  });

  test("serves others while one floods it with 10,000 deposits and reads no answer, in bounded memory", async () => {
    await using relay = await startTestRelay({ depositsPerSecond: 1 });
    await using mallory = await startHostilePeer();
    const raw = await mallory.open(relay.address, mailbox);
    raw.stream.pause();
    const owner = newBox();
    const deposit = { type: "deposit", box: owner.box, token: null, parcel: new Uint8Array(2048) } as const;
    const frames = Array.from({ length: 10_000 }, (_, request) => encodeMailboxFrame({ ...deposit, request }));
    const before = process.memoryUsage().rss;
    try {
      for (const frame of frames) raw.writeFrame(frame);
    } catch {
      // its own side holds no more
    }
    await using honest = await relay.connect();
    await honest.open(newBox().contacts);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  });

  test("gives no more streams than it has places, and a place back with the stream", async () => {
    await using relay = await startTestRelay({ mailboxConnections: 2 });
    const first = await relay.connect();
    await using _second = await relay.connect();
    await expectError(() => relay.connect(), "PEER_UNREACHABLE");
    await first.close();
    await expect.poll(() => relay.rules.counts().mailboxConnections).toBe(1);
    await using _third = await relay.connect();
  });

  test("gives no more connections to one address than it may have", async () => {
    await using relay = await startTestRelay({ connectionsPerNetwork: 2 });
    await using _first = await relay.connect();
    await using _second = await relay.connect();
    await expectError(() => relay.connect(), "PEER_UNREACHABLE");
    expect(relay.node.counts().connections).toBe(2);
    await using other = await startHostilePeer({ from: "127.0.0.9" });
    const end = new RelayEnd(await other.open(relay.address, mailbox));
    expect(await end.raw.readFrame()).toBeDefined();
  });

  test("counts sockets that never shake hands like connections, and lets others in", async () => {
    await using relay = await startTestRelay({ connectionsPerNetwork: 4 }, { limits: { upgradeTimeoutMs: 20_000 } });
    const silent = await Promise.all(
      Array.from({ length: 600 }, () => openRawTcp(relay.address, { from: "127.0.0.9" })),
    );
    await Promise.all(silent.slice(4).map(({ closed }) => closed));
    expect(relay.rules.counts().connections).toBe(4);
    await assertServes(relay);
    for (const { socket } of silent) socket.destroy();
    await expect.poll(() => relay.rules.counts().connections).toBe(0);
  });

  test("gives one stream to a connection", async () => {
    await using relay = await startTestRelay();
    await using mallory = await startHostilePeer();
    const connection = await mallory.dial(relay.address);
    const first = await mallory.open(connection, mailbox);
    expect(await first.readFrame()).toBeDefined();
    const second = await mallory.open(connection, mailbox);
    await second.closed;
    expect(await second.readFrame()).toBeUndefined();
    expect(relay.rules.counts().mailboxConnections).toBe(1);
  });

  test("closes connections on which nothing runs", async () => {
    await using relay = await startTestRelay({}, { limits: { sweepIntervalMs: 20, unusedConnectionMs: 100 } });
    await using mallory = await startHostilePeer();
    await using alice = await relay.connect();
    await mallory.dial(relay.address);
    await expect.poll(() => relay.node.counts().connections).toBe(1);
    await alice.open(newBox().contacts);
  });

  test("ends what is open when it stops", async () => {
    const relay = await startTestRelay();
    const alice = await relay.connect();
    await relay.node.stop();
    await alice.closed;
    await expectError(() => alice.fetch(newBox().box, 0), "PEER_UNREACHABLE");
    await expectError(() => relay.connect(), "PEER_UNREACHABLE");
  });
});
