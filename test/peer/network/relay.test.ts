import { tcp } from "@libp2p/tcp";
import { multiaddr } from "@multiformats/multiaddr";
import { describe, expect, test } from "vitest";
import type { Channel } from "../../../peer/messaging/ports.ts";
import { systemRuntime } from "../../../peer/messaging/runtime.ts";
import { markPunched } from "../../../peer/network/connection-path.ts";
import type { Libp2pNode } from "../../../peer/network/libp2p.ts";
import type { Punching } from "../../../peer/network/node.ts";
import { firstFrame, soon } from "../../support/channels.ts";
import { startFaultProxy } from "../../support/fault-proxy.ts";
import { tcpAddress } from "../../support/hostile-peer.ts";
import { echo, startTestNetwork, type TestNetwork } from "../../support/networks.ts";
import { startRelay } from "../../support/relay.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const relayedOf = ({ network }: Pick<TestNetwork, "network">) =>
  network.addresses().filter((address) => address.includes("/p2p-circuit/"));

/** Resolves with the device's relayed addresses once there are so many. */
async function relayed(device: Pick<TestNetwork, "network">, count = 1): Promise<string[]> {
  await expect.poll(() => relayedOf(device).length, { timeout: 15_000, interval: 20 }).toBe(count);
  return relayedOf(device);
}

async function expectEcho(from: TestNetwork, to: TestNetwork, addresses: readonly string[]): Promise<string> {
  const channel = await from.network.connect(to.device, addresses, soon());
  void echo(await to.accept());
  await channel.send([bytes("hi")]);
  expect(await firstFrame(channel)).toBe("hi");
  return channel.path;
}

describe("a device with a relay", () => {
  test.each([
    { limits: "no limits", applyDefaultLimit: false },
    { limits: "limits", applyDefaultLimit: true },
  ])("is reached through it, with $limits on the connection", async ({ applyDefaultLimit }) => {
    await using relay = await startRelay("relay", { reservations: { applyDefaultLimit } });
    await using alice = await startTestNetwork("alice", { dialOnly: true });
    let changes = 0;
    await using bob = await startTestNetwork("bob", {
      relays: () => [relay.address],
      onAddressesChanged: () => {
        changes += 1;
      },
    });
    const addresses = await relayed(bob);
    expect(addresses).toEqual([`${relay.address}/p2p-circuit/p2p/${bob.device}`]);
    expect(changes).toBe(1);
    expect(bob.network.addresses().at(-1)).toBe(addresses[0]);
    const channel = await alice.network.connect(bob.device, addresses, soon());
    const answering = await bob.accept();
    expect([channel.path, answering.path]).toEqual(["relay", "relay"]);
    void echo(answering);
    await channel.send([bytes("hi")]);
    expect(await firstFrame(channel)).toBe("hi");
    // the relay itself is nobody to talk to
    expect([alice.connected.includes(bob.device), bob.connected]).toEqual([true, [alice.device]]);
    expect(bob.network.connections()).toMatchObject({
      ...{ open: 2, relays: 1, paths: { direct: 0, punched: 0, relay: 1 } },
      reservations: [{ relay: relay.address, state: "reserved" }],
    });
  });

  test("has two of them, and is reached through either", async () => {
    await using first = await startRelay("first");
    await using second = await startRelay("second");
    await using third = await startRelay("third");
    const addresses = [first, second, third].map(({ address }) => address);
    await using bob = await startTestNetwork("bob", { relays: () => addresses });
    const both = await relayed(bob, 2);
    expect(both.map((address) => address.split("/p2p-circuit")[0])).toEqual([first.address, second.address]);
    for (const [n, address] of both.entries()) {
      await using alice = await startTestNetwork(`alice ${n}`, { dialOnly: true });
      expect(await expectEcho(alice, bob, [address])).toBe("relay");
    }
  });
});

describe("dialling", () => {
  test("goes through the relay when the direct address is a black hole, well within three seconds", async () => {
    await using relay = await startRelay("relay");
    await using alice = await startTestNetwork("alice", { dialOnly: true });
    await using bob = await startTestNetwork("bob", { relays: () => [relay.address] });
    await using hole = await startFaultProxy(tcpAddress(bob.address), { blackHole: true });
    const [circuit = ""] = await relayed(bob);
    const startedAt = performance.now();
    expect(await expectEcho(alice, bob, [hole.address(bob.device), circuit])).toBe("relay");
    expect(performance.now() - startedAt).toBeLessThan(3000);
  });

  test("prefers a direct address, wherever in the record it stands and though it is slower", async () => {
    await using relay = await startRelay("relay");
    await using alice = await startTestNetwork("alice", { dialOnly: true, limits: { relayHeadStartMs: 3000 } });
    await using bob = await startTestNetwork("bob", { relays: () => [relay.address] });
    const [circuit = ""] = await relayed(bob);
    await using slow = await startFaultProxy(tcpAddress(bob.address), { latencyMs: 30 });
    expect(await expectEcho(alice, bob, [circuit, slow.address(bob.device)])).toBe("direct");
    expect(alice.network.connections()).toMatchObject({ open: 1, paths: { relay: 0 } });
  });

  test("fails with a code when the relay knows nothing of the device", async () => {
    await using relay = await startRelay("relay");
    await using alice = await startTestNetwork("alice", { dialOnly: true });
    await using bob = await startTestNetwork("bob");
    const circuit = `${relay.address}/p2p-circuit/p2p/${bob.device}`;
    await expect(alice.network.connect(bob.device, [circuit], soon())).rejects.toMatchObject({
      code: "PEER_UNREACHABLE",
      reason: "dial",
    });
    expect(bob.connected).toEqual([]);
  });
});

describe("a relay that", () => {
  test("ends is replaced by the next, and taken back after its restart", async () => {
    const limits = { relayRetryMs: 100, relayRetryMaxMs: 400 };
    const first = await startRelay("first");
    await using second = await startRelay("second");
    await using bob = await startTestNetwork("bob", {
      limits: { ...limits, relays: 1 },
      relays: () => [first.address, second.address],
    });
    const through = ({ address }: { address: string }) => [`${address}/p2p-circuit/p2p/${bob.device}`];
    await expect.poll(() => relayedOf(bob), { timeout: 10_000 }).toEqual(through(first));
    await first.node.stop();
    await expect.poll(() => relayedOf(bob), { timeout: 10_000 }).toEqual(through(second));
    await using again = await startRelay("first", { port: first.port });
    expect(again.address).toBe(first.address);
    await expect.poll(() => relayedOf(bob), { timeout: 10_000 }).toEqual(through(first));
    await using alice = await startTestNetwork("alice", { dialOnly: true });
    expect(await expectEcho(alice, bob, through(again))).toBe("relay");
  });

  test("is not there yet is reached once it is", async () => {
    const gone = await startRelay("relay");
    await gone.node.stop();
    await using bob = await startTestNetwork("bob", {
      limits: { relayRetryMs: 100, relayRetryMaxMs: 400 },
      relays: () => [gone.address],
    });
    await expect
      .poll(() => bob.network.connections().reservations, { timeout: 10_000 })
      .toMatchObject([{ relay: gone.address, state: "waiting" }]);
    await using relay = await startRelay("relay", { port: gone.port });
    await relayed(bob);
    expect(relay.address).toBe(gone.address);
  });

  test("freezes is given up for the next", async () => {
    await using first = await startRelay("first");
    await using second = await startRelay("second");
    await using proxy = await startFaultProxy(tcpAddress(first.address));
    await using bob = await startTestNetwork("bob", {
      limits: { relayPingIntervalMs: 100, relayPingTimeoutMs: 1000, relays: 1 },
      relays: () => [proxy.address(first.id), second.address],
    });
    const [before = ""] = await relayed(bob);
    expect(before).toContain(`/tcp/${proxy.port}/`);
    proxy.setFaults({ blackHole: true });
    await expect.poll(() => relayedOf(bob)[0], { timeout: 10_000 }).toContain(`/tcp/${second.port}/`);
  });

  test("has no place is passed over, with the reason in the status", async () => {
    await using full = await startRelay("full", { reservations: { maxReservations: 0 } });
    await using other = await startRelay("other");
    await using bob = await startTestNetwork("bob", { relays: () => [full.address, other.address] });
    const addresses = await relayed(bob);
    expect(addresses[0]).toContain(other.id);
    expect(bob.network.connections().reservations[0]).toMatchObject({
      ...{ relay: full.address, state: "waiting", error: "PEER_UNREACHABLE", reason: "reservation" },
    });
  });

  test("nobody chose passes no connection on", async () => {
    await using stranger = await startRelay("stranger");
    await using relay = await startRelay("relay");
    await using alice = await startTestNetwork("alice", { dialOnly: true });
    await using bob = await startTestNetwork("bob", { relays: () => [relay.address] });
    await relayed(bob);
    // it knows where bob is, and says that bob asked for a place
    const connection = await stranger.node.dial(multiaddr(bob.address));
    stranger.pretendReserved(connection);
    const circuit = `${stranger.address}/p2p-circuit/p2p/${bob.device}`;
    await expect(alice.network.connect(bob.device, [circuit], soon())).rejects.toMatchObject({
      code: "PEER_UNREACHABLE",
    });
    expect([bob.connected.includes(alice.device), relayedOf(bob).length]).toEqual([false, 1]);
  });
});

describe("strangers through a relay", () => {
  test("leave room for contacts", async () => {
    await using devices = new AsyncDisposableStack();
    const relay = devices.use(await startRelay("relay"));
    const alice = devices.use(await startTestNetwork("alice", { dialOnly: true }));
    const bob = devices.use(
      await startTestNetwork("bob", {
        limits: { relayedStrangers: 2 },
        contacts: [alice.device],
        relays: () => [relay.address],
      }),
    );
    const addresses = await relayed(bob);
    for (const name of ["one", "two"]) {
      const stranger = devices.use(await startTestNetwork(name, { dialOnly: true }));
      await stranger.network.connect(bob.device, addresses, soon());
    }
    const third = devices.use(await startTestNetwork("three", { dialOnly: true }));
    await expect(third.network.connect(bob.device, addresses, soon())).rejects.toMatchObject({
      code: "PEER_UNREACHABLE",
    });
    expect(bob.connected).not.toContain(third.device);
    expect(bob.network.connections().refused).toEqual({ "connections-of-strangers": 1 });
    await expect(alice.network.connect(bob.device, addresses, soon())).resolves.toMatchObject({ path: "relay" });
  });
});

/** All that arrives until the channel ends in peace. */
async function framesOf(channel: Channel): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = [];
  for await (const some of channel.receive()) frames.push(...some);
  return frames;
}

describe("a relayed connection to a contact", () => {
  test("is replaced by a plain dial where that works; the own channel ends, so that the next takes the better way", async () => {
    await using relay = await startRelay("relay");
    const known: string[] = [];
    const limits = { offRelayRetryMs: 200, sweepIntervalMs: 50 };
    await using bob = await startTestNetwork("bob", { relays: () => [relay.address] });
    await using alice = await startTestNetwork("alice", {
      limits,
      contacts: [bob.device],
      addressesOf: () => known,
    });
    const channel = await alice.network.connect(bob.device, await relayed(bob), soon());
    const answering = await bob.accept();
    expect(channel.path).toBe("relay");
    known.push(bob.address);
    await expect.poll(() => alice.network.connections().paths.direct, { timeout: 10_000 }).toBe(1);
    await expect(framesOf(channel)).resolves.toEqual([]);
    await expect(framesOf(answering)).resolves.toEqual([]);
    const fresh = await alice.network.connect(bob.device, [], soon());
    expect([fresh.path, (await bob.accept()).path]).toEqual(["direct", "direct"]);
    // nothing needs the relay any more: this side closes what it dialled
    await expect.poll(() => alice.network.connections().paths.relay, { timeout: 10_000 }).toBe(0);
  });

  test("is handed to hole punching, once, where no address answers; what that makes says so", async () => {
    await using relay = await startRelay("relay");
    await using bob = await startTestNetwork("bob", { relays: () => [relay.address] });
    const asked: string[] = [];
    let node: Libp2pNode | undefined;
    const punching: Punching = {
      transport: (parts) => tcp()(parts),
      start: async (started) => {
        node = started;
      },
      upgrade: async (relayedConnection) => {
        asked.push(relayedConnection.remotePeer.toString());
        const punched = await node?.dial(multiaddr(bob.address), { force: true });
        if (punched !== undefined) markPunched(punched);
      },
    };
    await using alice = await startTestNetwork("alice", { contacts: [bob.device], punching });
    const channel = await alice.network.connect(bob.device, await relayed(bob), soon());
    expect(channel.path).toBe("relay");
    await expect.poll(() => alice.network.connections().paths.punched, { timeout: 10_000 }).toBe(1);
    expect(asked).toEqual([bob.device]);
    await expect(alice.network.connect(bob.device, [], soon())).resolves.toMatchObject({ path: "punched" });
  });
});

describe("a process that was held", () => {
  test("is reachable again soon after it goes on, and says that it woke", async () => {
    await using relay = await startRelay("relay");
    await using proxy = await startFaultProxy(tcpAddress(relay.address));
    let heldMs = 0;
    let woke = 0;
    await using bob = await startTestNetwork("bob", {
      runtime: { ...systemRuntime, monotonic: () => systemRuntime.monotonic() + heldMs },
      limits: { surroundingsIntervalMs: 100, aliveTimeoutMs: 500, relayRetryMs: 100 },
      relays: () => [proxy.address(relay.id)],
      onWoke: () => {
        woke += 1;
      },
    });
    await relayed(bob);
    // what a router makes of it meanwhile: the old connection leads nowhere, and nobody says so
    proxy.setFaults({ blackHole: true });
    heldMs = 600_000;
    await expect.poll(() => woke, { timeout: 10_000 }).toBe(1);
    await relayed(bob, 0);
    proxy.setFaults({});
    await relayed(bob);
    await using alice = await startTestNetwork("alice", { dialOnly: true });
    const circuit = `${relay.address}/p2p-circuit/p2p/${bob.device}`;
    expect(await expectEcho(alice, bob, [circuit])).toBe("relay");
  });
});
