import { multiaddr } from "@multiformats/multiaddr";
import { describe, expect, test } from "vitest";
import { systemRuntime } from "../../../../peer/messaging/runtime.ts";
import { STOP_PROTOCOL } from "../../../../peer/network/reservations/circuit-protocols.ts";
import { firstFrame, soon } from "../../../support/channels.ts";
import { startFaultProxy } from "../../../support/fault-proxy.ts";
import { tcpAddress } from "../../../support/hostile-peer.ts";
import { echo, startTestNetwork } from "../../../support/networks.ts";
import { startRelay } from "../../../support/relay.ts";
import { expectEcho, relayed, relayedOf } from "../../../support/relayed.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

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
    await expect.poll(() => relayedOf(bob)).toEqual(through(first));
    await first.node.stop();
    await expect.poll(() => relayedOf(bob)).toEqual(through(second));
    await using again = await startRelay("first", { port: first.port });
    expect(again.address).toBe(first.address);
    await expect.poll(() => relayedOf(bob)).toEqual(through(first));
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
      .poll(() => bob.network.connections().reservations)
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
    await expect.poll(() => relayedOf(bob)[0]).toContain(`/tcp/${second.port}/`);
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

  test("are let in through one relay while another announces connections that nobody makes", async () => {
    await using relay = await startRelay("relay");
    await using liar = await startRelay("liar");
    await using bob = await startTestNetwork("bob", {
      limits: { relayedStrangers: 4, upgradeTimeoutMs: 20_000 },
      relays: () => [relay.address, liar.address],
    });
    const [honest = ""] = (await relayed(bob, 2)).filter((address) => address.startsWith(relay.address));
    const [connection] = liar.node.getConnections().filter(({ remotePeer }) => remotePeer.toString() === bob.device);
    const open = () => connection?.newStream([STOP_PROTOCOL], { signal: soon(), maxOutboundStreams: 10 });
    const silent = await Promise.all(Array.from({ length: 10 }, open));
    await using stranger = await startTestNetwork("stranger", { dialOnly: true });
    expect(await expectEcho(stranger, bob, [honest])).toBe("relay");
    expect(silent.map((stream) => stream?.status)).toEqual(silent.map(() => "open"));
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
    await expect.poll(() => woke).toBe(1);
    await relayed(bob, 0);
    proxy.setFaults({});
    await relayed(bob);
    await using alice = await startTestNetwork("alice", { dialOnly: true });
    const circuit = `${relay.address}/p2p-circuit/p2p/${bob.device}`;
    expect(await expectEcho(alice, bob, [circuit])).toBe("relay");
  });
});
