import { randomBytes } from "node:crypto";
import { generateKeyPair } from "@libp2p/crypto/keys";
import { describe, expect, test } from "vitest";
import type { Channel } from "../../../peer/messaging/ports/transport.ts";
import { NETWORK_LIMITS } from "../../../peer/network/limits.ts";
import { deviceIdOf, parseDeviceId } from "../../../shared/device-id.ts";
import { publicKeyOfSeed } from "../../../shared/ed25519.ts";
import { keyOfSeed, openRawTcp, type RawStream, startHostilePeer } from "../../support/hostile-peer.ts";
import { assertStillServes, echo, seedOf, startTestNetwork, type TestNetwork } from "../../support/networks.ts";
import { startVictim } from "../../support/victim.ts";

const MiB = 1024 * 1024;
const friend = deviceIdOf(publicKeyOfSeed(seedOf("friend")));

/** A device that echoes whatever it is sent, with the limits as shipped. */
function startEcho(limits = {}): Promise<TestNetwork> {
  const onChannel = (channel: Channel) => void echo(channel).catch(() => {});
  return startTestNetwork("bob", { limits, contacts: [friend], onChannel });
}

describe("lengths that lie", () => {
  test.each([64 * 1024 + 1, 2 ** 31, 2 ** 32 - 1])(
    "%d bytes announced: the stream is reset within 100 ms, at the prefix",
    async (length) => {
      await using bob = await startEcho();
      await using peer = await startHostilePeer();
      const raw = await peer.open(bob.address);
      raw.writeFrame(new Uint8Array(0), { length });
      expect(await raw.closed).toBeInstanceOf(Error);
      expect(await raw.readFrame()).toBeUndefined();
      await assertStillServes(bob);
    },
  );

  test("nothing announced: the stream is reset too, and the next one on that connection works", async () => {
    await using bob = await startEcho();
    await using peer = await startHostilePeer();
    const connection = await peer.dial(bob.address);
    const raw = await peer.open(connection);
    raw.writeFrame(new Uint8Array(0));
    expect(await raw.closed).toBeInstanceOf(Error);
    const next = await peer.open(connection);
    next.writeFrame(Uint8Array.of(1, 2));
    expect(await next.readFrame()).toEqual(Uint8Array.of(1, 2));
  });
});

describe("too many", () => {
  test("of three thousand streams no more than four live", async () => {
    await using bob = await startEcho();
    await using peer = await startHostilePeer();
    const connection = await peer.dial(bob.address);
    const opened = [];
    for (let n = 0; n < 60; n++)
      opened.push(...(await Promise.allSettled(Array.from({ length: 50 }, () => peer.open(connection)))));
    const streams = opened.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    await expect.poll(() => streams.filter(({ stream }) => stream.status === "open").length).toBeLessThanOrEqual(4);
    expect(bob.network.connections().channels).toBeLessThanOrEqual(NETWORK_LIMITS.inboundStreamsPerDevice);
    await assertStillServes(bob);
  });

  test("of streams spread over a device's connections no more than four live either", async () => {
    await using bob = await startEcho();
    await using peer = await startHostilePeer();
    const opened: RawStream[] = [];
    for (let n = 0; n < 3; n++) {
      const connection = await peer.dial(bob.address);
      opened.push(...(await Promise.all(Array.from({ length: 3 }, () => peer.open(connection)))));
    }
    await expect.poll(() => opened.filter(({ stream }) => stream.status === "open").length).toBe(4);
    expect(bob.network.connections()).toMatchObject({ channels: 4, refused: { "streams-per-device": 5 } });
  });

  test("of one device's connections only a few are taken", async () => {
    await using bob = await startEcho();
    await using peer = await startHostilePeer();
    for (let n = 0; n < 10; n++) await peer.dial(bob.address).catch(() => {});
    await expect
      .poll(() => bob.network.connections())
      .toMatchObject({ open: 4, refused: { "connections-per-device": 6 } });
    await assertStillServes(bob);
  });

  test("of three hundred strangers enough are turned away that a contact gets in", async () => {
    await using bob = await startEcho();
    await using strangers = new AsyncDisposableStack();
    const failures = [];
    for (let n = 0; n < 300; n += 10) {
      const from = `127.0.0.${2 + n / 10}`;
      const peers = await Promise.all(Array.from({ length: 10 }, () => startHostilePeer({ from })));
      for (const peer of peers) strangers.use(peer);
      failures.push(...(await Promise.allSettled(peers.map((peer) => peer.open(bob.address)))));
    }
    expect(failures.filter(({ status }) => status === "fulfilled")).toHaveLength(200);
    expect(bob.network.connections()).toMatchObject({ open: 200, contacts: 0 });
    await assertStillServes(bob, "friend");
    await expect(assertStillServes(bob, "yet another stranger")).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
  });

  test("of idle sockets from an honest peer's own address do not keep it out, nor for a second", async () => {
    await using bob = await startEcho();
    const idle = await Promise.all(Array.from({ length: 40 }, () => openRawTcp(bob.address)));
    const before = performance.now();
    await assertStillServes(bob);
    expect(performance.now() - before).toBeLessThan(1000);
    // each is gone once its time for a handshake is over
    await Promise.all(idle.map(({ closed }) => closed));
    await assertStillServes(bob, "another");
  });

  test("from one address in one second are refused before they cost anything", async () => {
    await using bob = await startEcho({ inboundPerSecondAndAddress: 5 });
    const sockets = await Promise.all(Array.from({ length: 30 }, () => openRawTcp(bob.address, { from: "127.0.0.9" })));
    let refused = 0;
    for (const { closed } of sockets) void closed.then(() => refused++);
    await expect.poll(() => refused).toBeGreaterThanOrEqual(25);
    await assertStillServes(bob);
    for (const { socket } of sockets) socket.destroy();
  });
});

describe("too slow", () => {
  test("a stream that is opened and left silent is reset within ten seconds", async () => {
    await using bob = await startEcho();
    await using peer = await startHostilePeer();
    const [before, raw] = [performance.now(), await peer.open(bob.address)];
    expect(await raw.closed).toBeInstanceOf(Error);
    expect(performance.now() - before).toBeLessThan(10_000);
    await assertStillServes(bob);
  });

  test("a byte every three seconds is cut off within ten seconds of the last whole frame", async () => {
    await using bob = await startEcho();
    await using peer = await startHostilePeer();
    const raw = await peer.open(bob.address);
    raw.writeFrame(Uint8Array.of(1));
    await raw.readFrame();
    const before = performance.now();
    raw.write(Uint8Array.of(0));
    const trickle = setInterval(() => raw.stream.status === "open" && raw.write(Uint8Array.of(0)), 3000);
    expect(await raw.closed).toBeInstanceOf(Error);
    clearInterval(trickle);
    expect(performance.now() - before).toBeLessThan(10_000);
    await assertStillServes(bob);
  });
});

describe("who it is", () => {
  test.each(["secp256k1", "RSA"] as const)("a peer with a %s key is refused, by either side", async (type) => {
    await using bob = await startEcho();
    await using peer = await startHostilePeer({ key: await generateKeyPair(type), listen: true });
    await expect(peer.open(bob.address)).rejects.toThrow();
    expect(bob.connected).toEqual([]);
    expect(bob.network.connections()).toMatchObject({ open: 0, refused: { "key-type": 1 } });
    await expect(
      bob.network.connect(peer.peerId as never, peer.addresses, AbortSignal.timeout(5000)),
    ).rejects.toMatchObject({ code: "PEER_UNREACHABLE", reason: "dial" });
    await assertStillServes(bob);
  });

  test("a stranger learns nothing: no identify, no ping, no protocol but the product's", async () => {
    await using bob = await startEcho();
    await using peer = await startHostilePeer();
    const connection = await peer.dial(bob.address);
    for (const protocol of ["/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0", "/ipfs/ping/1.0.0", "/p2pchat/message/0", "ls"]) {
      await expect(peer.open(connection, { protocol })).rejects.toMatchObject({ name: "UnsupportedProtocolError" });
    }
    await expect(peer.open(connection)).resolves.toBeDefined();
  });

  test("a peer that dials with our own key is not believed to be a peer", async () => {
    await using bob = await startEcho();
    await using peer = await startHostilePeer({ key: await keyOfSeed(seedOf("bob")) });
    await expect(peer.open(bob.address)).rejects.toThrow();
    expect(bob.network.connections().open).toBe(0);
  });
});

describe("memory", () => {
  const noiseOfZeros = Buffer.concat([Buffer.from("\x13/multistream/1.0.0\n\x07/noise\n"), Buffer.alloc(400)]);
  const garbage = [
    () => randomBytes(300),
    () => Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    () => Buffer.from("\x13/multistream/1.0.0\n\x07/noise\n"),
    () => noiseOfZeros,
    () => Buffer.from("\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "latin1"),
    () => Buffer.alloc(0),
  ];

  test("six hundred connections of garbage are survived", async () => {
    await using victim = await startVictim();
    const connections = [];
    for (let n = 0; n < 600; n++) {
      const { socket, closed } = await openRawTcp(victim.address, { from: `127.0.0.${1 + Math.floor(n / 30)}` });
      socket.write(garbage[n % garbage.length]?.() ?? "");
      connections.push({ socket, closed });
    }
    await Promise.all(connections.map(({ closed }) => closed));
    expect(victim.isAlive).toBe(true);
    expect(await victim.memoryBytes()).toBeLessThan(300 * MiB);
    await assertVictimServes(victim.address);
  });

  test("streams full of unread data stay below 300 MB, and the honest peer gets through", async () => {
    await using victim = await startVictim(friend, "--deaf");
    await using peers = new AsyncDisposableStack();
    const frame = Buffer.alloc(56 * 1024, 1);
    for (let n = 0; n < 8; n++) {
      const peer = peers.use(await startHostilePeer());
      const connection = await peer.dial(victim.address);
      const opened = await Promise.allSettled(Array.from({ length: 32 }, () => peer.open(connection)));
      for (const result of opened) {
        if (result.status === "rejected") continue;
        // 3.5 MiB each, flow control ignored
        for (let sent = 0; sent < 64 && result.value.stream.status === "open"; sent++) result.value.writeFrame(frame);
      }
    }
    await assertVictimServes(victim.address);
    expect(await victim.memoryBytes()).toBeLessThan(300 * MiB);
  });
});

/** As the victim's contact. */
async function assertVictimServes(address: string): Promise<void> {
  const device = parseDeviceId(address.split("/p2p/")[1] ?? "");
  await assertStillServes({ device, address }, "friend");
}
