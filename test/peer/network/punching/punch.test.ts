import { createServer, type Socket } from "node:net";
import type { Connection, Stream } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { describe, expect, test } from "vitest";
import { systemRuntime } from "../../../../peer/messaging/runtime.ts";
import type { NetworkLimits } from "../../../../peer/network/limits.ts";
import { serveObserved } from "../../../../peer/network/punching/observed.ts";
import { createPunching } from "../../../../peer/network/punching/punch.ts";
import { deviceIdOf } from "../../../../shared/device-id.ts";
import { publicKeyOfSeed } from "../../../../shared/ed25519.ts";
import { PUNCH_PROTOCOLS } from "../../../../shared/protocol.ts";
import { firstFrame, soon } from "../../../support/channels.ts";
import { expectError } from "../../../support/expect-error.ts";
import { startHostilePeer } from "../../../support/hostile-peer.ts";
import { echo, seedOf, startTestNetwork, type TestNetwork } from "../../../support/networks.ts";
import { startRelay, type TestRelay } from "../../../support/relay.ts";

const deviceOf = (name: string) => deviceIdOf(publicKeyOfSeed(seedOf(name)));
const bytes = (text: string) => new TextEncoder().encode(text);

type PeerOptions = {
  readonly contacts?: readonly string[];
  readonly allowLocal?: boolean;
  readonly limits?: Partial<NetworkLimits>;
};

type Peer = TestNetwork & { readonly log: string[] };

/** A device on loopback that is reached through that relay and can get off it. */
async function startPeer(name: string, relay: TestRelay, options: PeerOptions = {}): Promise<Peer> {
  const { contacts = [deviceOf("alice"), deviceOf("bob")], allowLocal = true, limits = {} } = options;
  const log: string[] = [];
  const punching = createPunching({
    self: deviceOf(name),
    isContact: (device) => contacts.includes(device),
    allowLocal,
    runtime: systemRuntime,
    log: (message, facts) => log.push(`${message} ${JSON.stringify(facts)}`),
    limits,
  });
  const peer = await startTestNetwork(name, { punching, contacts, relays: () => [relay.address] });
  await expect.poll(() => peer.network.addresses().join()).toContain("/p2p-circuit/");
  return { ...peer, log };
}

async function startObservingRelay(observe: Observe = serveObserved(systemRuntime), port = 0): Promise<TestRelay> {
  const relay = await startRelay("relay", { port });
  await relay.node.handle(PUNCH_PROTOCOLS.observed, observe);
  return relay;
}

/** As a relay that lies: everybody comes from there. */
function seenAt(port: number): Observe {
  const remoteAddr = multiaddr(`/ip4/127.0.0.1/tcp/${port}`);
  return (stream) => serveObserved(systemRuntime)(stream, { remoteAddr });
}

type Observe = (stream: Stream, connection: Connection) => Promise<void>;

const LONG_MS = 600_000;
const RELAYED = { direct: 0, punched: 0, relay: 1 };

const through = (relay: TestRelay, { device }: Peer) => `${relay.address}/p2p-circuit/p2p/${device}`;

describe("two devices that are connected through a relay", () => {
  test("get a connection without it, over which both can speak", async () => {
    await using relay = await startObservingRelay();
    await using alice = await startPeer("alice", relay);
    await using bob = await startPeer("bob", relay);
    const before = await alice.network.connect(bob.device, [through(relay, bob)], soon());
    expect(before.path).toBe("relay");
    await expect.poll(() => alice.network.connections().paths.punched).toBe(1);
    await expect.poll(() => bob.network.connections().paths.punched).toBe(1);
    await bob.accept();
    const there = await alice.network.connect(bob.device, [], soon());
    void bob.accept().then(echo);
    await there.send([bytes("there")]);
    expect([there.path, await firstFrame(there)]).toEqual(["punched", "there"]);
    const back = await bob.network.connect(alice.device, [], soon());
    void alice.accept().then(echo);
    await back.send([bytes("back")]);
    expect([back.path, await firstFrame(back)]).toEqual(["punched", "back"]);
  });

  test("stay on it where the relay does not say where they come from", async () => {
    await using relay = await startRelay("relay");
    await using alice = await startPeer("alice", relay);
    await using bob = await startPeer("bob", relay);
    await alice.network.connect(bob.device, [through(relay, bob)], soon());
    await expect.poll(() => bob.log.join()).toContain("not observed");
    expect(alice.network.connections().paths).toEqual(RELAYED);
  });

  test("of which one is no contact of the other stay on it", async () => {
    await using relay = await startObservingRelay();
    await using alice = await startPeer("alice", relay);
    await using bob = await startPeer("bob", relay, { contacts: [] });
    const channel = await alice.network.connect(bob.device, [through(relay, bob)], soon());
    await expect.poll(() => bob.log.join()).toContain("not with this one");
    expect(bob.network.connections().paths).toEqual(RELAYED);
    expect(channel.path).toBe("relay");
  });

  test("meet at no address of a private network or this machine unless they are allowed to", async () => {
    await using relay = await startObservingRelay();
    await using alice = await startPeer("alice", relay);
    await using bob = await startPeer("bob", relay, { allowLocal: false });
    await alice.network.connect(bob.device, [through(relay, bob)], soon());
    await expect.poll(() => bob.log.join()).toContain("no way between the two");
    expect(bob.network.connections().paths).toEqual(RELAYED);
  });
});

test("a device whose relay was gone is met even if it came back to it on the way to somebody", async () => {
  const gone = await startRelay("relay");
  await gone[Symbol.asyncDispose]();
  const isAskedLaterOnly = { relayRetryMs: LONG_MS, relayRetryMaxMs: LONG_MS };
  await using alice = await startTestNetwork("alice", {
    punching: createPunching({
      ...{ self: deviceOf("alice"), isContact: () => true, allowLocal: true, runtime: systemRuntime },
    }),
    ...{ contacts: [deviceOf("bob")], relays: () => [gone.address], limits: isAskedLaterOnly },
  });
  await expect.poll(() => alice.network.connections().reservations[0]?.state).toBe("waiting");
  await using relay = await startObservingRelay(serveObserved(systemRuntime), gone.port);
  await using bob = await startPeer("bob", relay);
  await alice.network.connect(bob.device, [through(relay, bob)], soon());
  await expect.poll(() => bob.network.connections().paths.punched).toBe(1);
});

test("a device whose relay it came to on the way to somebody, before that was its own, is met", async () => {
  await using relay = await startObservingRelay();
  await using bob = await startPeer("bob", relay);
  let relays: readonly string[] = [];
  await using alice = await startTestNetwork("alice", {
    punching: createPunching({
      ...{ self: deviceOf("alice"), isContact: () => true, allowLocal: true, runtime: systemRuntime },
    }),
    ...{ contacts: [deviceOf("bob")], relays: () => relays, limits: { offRelayRetryMs: 500, sweepIntervalMs: 50 } },
  });
  await alice.network.connect(bob.device, [through(relay, bob)], soon());
  relays = [relay.address];
  alice.network.relaysChanged();
  await expect.poll(() => alice.network.connections().paths.punched, { timeout: 15_000 }).toBe(1);
  expect(alice.network.connections().reservations).toMatchObject([{ state: "reserved" }]);
}, 20_000);

describe("a relay that lies about where devices come from", () => {
  test("makes each dial a stranger once", async () => {
    const sockets: Socket[] = [];
    const stranger = createServer((socket) => sockets.push(socket.resume().on("error", () => {})));
    await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
    await using _closing = { [Symbol.asyncDispose]: async () => void stranger.close() };
    const { port } = stranger.address() as { port: number };
    await using relay = await startObservingRelay(seenAt(port));
    await using alice = await startPeer("alice", relay, { limits: { punchTimeoutMs: 1000 } });
    await using bob = await startPeer("bob", relay, { limits: { punchTimeoutMs: 1000 } });
    await alice.network.connect(bob.device, [through(relay, bob)], soon());
    await expect.poll(() => sockets.length).toBe(2);
    await expect.poll(() => sockets.every(({ destroyed }) => destroyed)).toBe(true);
    expect(sockets.length).toBe(2);
    expect(alice.network.connections().paths).toEqual(RELAYED);
  });

  test("passes nobody off as that device", async () => {
    await using carol = await startTestNetwork("carol");
    await using relay = await startObservingRelay(seenAt(Number(carol.address.split("/")[4])));
    await using alice = await startPeer("alice", relay, { limits: { punchTimeoutMs: 1000 } });
    await using bob = await startPeer("bob", relay, { limits: { punchTimeoutMs: 1000 } });
    await alice.network.connect(bob.device, [through(relay, bob)], soon());
    await expect.poll(() => alice.log.join() + bob.log.join()).toMatch(/not punched.*not punched/);
    expect(alice.network.connections().paths).toEqual(RELAYED);
  });
});

test("a stream about it on a direct connection is refused", async () => {
  await using relay = await startObservingRelay();
  await using mallory = await startHostilePeer();
  await using alice = await startPeer("alice", relay, { contacts: [mallory.device] });
  const stream = await mallory.open(alice.address, { protocol: PUNCH_PROTOCOLS.punch });
  await stream.closed;
  expect(alice.log.join()).toContain("not with this one");
});

test("two devices of one user cannot listen on one port, although each shares its own", async () => {
  await using relay = await startObservingRelay();
  await using alice = await startPeer("alice", relay);
  const port = Number(alice.address.split("/")[4]);
  const punching = createPunching({
    self: deviceOf("bob"),
    isContact: () => false,
    allowLocal: true,
    runtime: systemRuntime,
  });
  await expectError(startTestNetwork("bob", { punching, port }), "CONFIG_INVALID", "listen");
});
