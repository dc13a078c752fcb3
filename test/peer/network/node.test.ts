import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { systemRuntime } from "../../../peer/messaging/runtime.ts";
import type { NetworkLimits } from "../../../peer/network/limits.ts";
import { startNetwork } from "../../../peer/network/node.ts";
import { firstFrame, soon } from "../../support/channels.ts";
import { startFaultProxy } from "../../support/fault-proxy.ts";
import { tcpAddress } from "../../support/hostile-peer.ts";
import { echo, seedOf, startTestNetwork, type TestNetwork } from "../../support/networks.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** Two devices, the one with the smaller id first. */
async function startOrdered(limits: Partial<NetworkLimits>): Promise<[TestNetwork, TestNetwork]> {
  const [a, b] = [await startTestNetwork("alice", { limits }), await startTestNetwork("bob", { limits })];
  return a.device < b.device ? [a, b] : [b, a];
}

describe("connecting", () => {
  test("carries frames both ways between two devices that know each other's id", async () => {
    await using alice = await startTestNetwork("alice");
    await using bob = await startTestNetwork("bob");
    const channel = await alice.network.connect(bob.device, [bob.address], soon());
    await channel.send([bytes("hi"), bytes("there")]);
    const answering = await bob.accept();
    expect(channel).toMatchObject({ remote: bob.device, path: "direct" });
    expect(answering).toMatchObject({ remote: alice.device, path: "direct" });
    expect([alice.connected, bob.connected]).toEqual([[bob.device], [alice.device]]);
    void echo(answering);
    expect(await firstFrame(channel)).toBe("hi");
  });

  test("uses the connection that is there, from either side", async () => {
    await using alice = await startTestNetwork("alice", { dialOnly: true });
    await using bob = await startTestNetwork("bob");
    const there = await alice.network.connect(bob.device, [bob.address], soon());
    expect(alice.network.addresses()).toEqual([]);
    const back = await bob.network.connect(alice.device, [], soon());
    await back.send([bytes("back")]);
    expect(await firstFrame(await alice.accept())).toBe("back");
    expect(bob.network.connections()).toMatchObject({ open: 1, inbound: 1, contacts: 0, channels: 2 });
    await there.close();
  });

  test("tries the next address when one does not answer", async () => {
    await using alice = await startTestNetwork("alice", { limits: { addressDialTimeoutMs: 1500 } });
    await using bob = await startTestNetwork("bob");
    await using hole = await startFaultProxy(tcpAddress(bob.address), { blackHole: true });
    const addresses = [hole.address(bob.device), `/ip4/127.0.0.1/tcp/1/p2p/${bob.device}`, bob.address];
    await expect(alice.network.connect(bob.device, addresses, soon())).resolves.toMatchObject({ remote: bob.device });
  });

  test("dials afresh when the connection that is there does not answer", async () => {
    await using alice = await startTestNetwork("alice", { limits: { negotiationTimeoutMs: 1500 } });
    await using bob = await startTestNetwork("bob");
    await using proxy = await startFaultProxy(tcpAddress(bob.address));
    const before = await alice.network.connect(bob.device, [proxy.address(bob.device)], soon());
    proxy.setFaults({ blackHole: true });
    const after = await alice.network.connect(bob.device, [bob.address], soon());
    await after.send([bytes("through")]);
    await bob.accept();
    expect(await firstFrame(await bob.accept())).toBe("through");
    await expect(firstFrame(before)).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
  });

  test("does not come back to a connection that did not answer", async () => {
    const limits = { negotiationTimeoutMs: 1500 };
    await using devices = new AsyncDisposableStack();
    const [smaller, bigger] = await startOrdered(limits);
    devices.use(smaller);
    devices.use(bigger);
    await using proxy = await startFaultProxy(tcpAddress(bigger.address));
    // the connection that both prefer, until it dies
    await smaller.network.connect(bigger.device, [proxy.address(bigger.device)], soon());
    proxy.setFaults({ blackHole: true });
    await bigger.network.connect(smaller.device, [smaller.address], soon());
    await expect(bigger.network.connect(smaller.device, [], soon())).resolves.toBeDefined();
  });

  test("both sides dialling at once end up with one connection and lose nothing", async () => {
    const limits = { sweepIntervalMs: 20 };
    await using alice = await startTestNetwork("alice", { limits, contacts: [] });
    await using bob = await startTestNetwork("bob", { limits, contacts: [] });
    const [toBob, toAlice] = await Promise.all([
      alice.network.connect(bob.device, [bob.address], soon()),
      bob.network.connect(alice.device, [alice.address], soon()),
    ]);
    await toBob.send([bytes("from alice")]);
    await toAlice.send([bytes("from bob")]);
    expect(await firstFrame(await bob.accept())).toBe("from alice");
    expect(await firstFrame(await alice.accept())).toBe("from bob");
    await Promise.all([toBob.close(), toAlice.close()]);
    await expect.poll(() => alice.network.connections().open).toBe(1);
    await expect.poll(() => bob.network.connections().open).toBe(1);
    const again = await alice.network.connect(bob.device, [], soon());
    await again.send([bytes("again")]);
    expect(await firstFrame(await bob.accept())).toBe("again");
  });

  test("keeps one channel to a device: another takes the place of the one before", async () => {
    await using alice = await startTestNetwork("alice");
    await using bob = await startTestNetwork("bob");
    const first = await alice.network.connect(bob.device, [bob.address], soon());
    await alice.network.connect(bob.device, [bob.address], soon());
    await expect(first.send([bytes("late")])).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
    expect(alice.network.connections()).toMatchObject({ open: 1, channels: 1 });
  });
});

describe("a connection on which nothing happens", () => {
  const limits = { pingIntervalMs: 100, pingTimeoutMs: 2000 };

  test("is kept as long as the other side is there, and noticed when it is not", async () => {
    await using alice = await startTestNetwork("alice");
    await using bob = await startTestNetwork("bob", { limits, contacts: [alice.device] });
    await using proxy = await startFaultProxy(tcpAddress(bob.address));
    const channel = await alice.network.connect(bob.device, [proxy.address(bob.device)], soon());
    const reading = firstFrame(await bob.accept());
    // every ping and its answer pass through it
    const idleSince = proxy.forwarded;
    await expect.poll(() => proxy.forwarded).toBeGreaterThan(idleSince + 30);
    await channel.send([bytes("still there")]);
    expect(await reading).toBe("still there");
    proxy.setFaults({ blackHole: true });
    await expect.poll(() => bob.network.connections().open).toBe(0);
  });

  test("is closed when it is a stranger's", async () => {
    await using alice = await startTestNetwork("alice");
    await using bob = await startTestNetwork("bob", { limits: { sweepIntervalMs: 50, unusedConnectionMs: 200 } });
    const channel = await alice.network.connect(bob.device, [bob.address], soon());
    channel.abort(new Error("done"));
    await expect.poll(() => bob.network.connections().open).toBe(0);
    await expect.poll(() => alice.network.connections().open).toBe(0);
  });
});

describe("starting and stopping", () => {
  test("says that the port is taken", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const address = taken.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const start = (listen: { hosts?: string[]; port: number }) =>
      startNetwork({
        deviceSeed: seedOf("alice"),
        listen,
        allowLocal: true,
        isContact: () => true,
        events: { onChannel: () => {}, onGossip: () => {}, onConnected: () => {} },
        runtime: systemRuntime,
      });
    for (const listen of [
      { hosts: ["127.0.0.1"], port },
      { port: -1 },
      { port: 70_000 },
      { hosts: ["localhost"], port: 0 },
    ]) {
      await expect(start(listen)).rejects.toMatchObject({ code: "CONFIG_INVALID", reason: "listen" });
    }
    await new Promise((resolve) => taken.close(resolve));
  });

  test("lists concrete addresses when it listens on all", async () => {
    await using network = await startNetwork({
      deviceSeed: seedOf("alice"),
      listen: { port: 0 },
      allowLocal: true,
      isContact: () => true,
      events: { onChannel: () => {}, onGossip: () => {}, onConnected: () => {} },
      runtime: systemRuntime,
    });
    const addresses = network.addresses();
    expect(addresses.some((address) => /^\/ip4\/127\.0\.0\.1\/tcp\/[1-9]\d*\/p2p\/12D3KooW/.test(address))).toBe(true);
    expect(addresses.filter((address) => /\/(0\.0\.0\.0|::)\//.test(address))).toEqual([]);
  });

  test("lists the addresses that it was told to announce, and no others", async () => {
    await using network = await startNetwork({
      deviceSeed: seedOf("alice"),
      listen: { hosts: ["127.0.0.1"], port: 0 },
      announce: ["/ip4/203.0.113.7/tcp/9000"],
      allowLocal: true,
      isContact: () => true,
      events: { onChannel: () => {}, onGossip: () => {}, onConnected: () => {} },
      runtime: systemRuntime,
    });
    expect(network.addresses()).toEqual([`/ip4/203.0.113.7/tcp/9000/p2p/${network.device}`]);
  });

  test("an owner that fails costs the connection, not the process", async () => {
    await using alice = await startTestNetwork("alice", { dialOnly: true });
    await using bob = await startNetwork({
      deviceSeed: seedOf("bob"),
      listen: { hosts: ["127.0.0.1"], port: 0 },
      allowLocal: true,
      isContact: () => {
        throw new Error("no database");
      },
      events: { onChannel: () => {}, onGossip: () => {}, onConnected: () => {} },
      runtime: systemRuntime,
    });
    await expect(alice.network.connect(bob.device, bob.addresses(), soon())).rejects.toMatchObject({
      code: "PEER_UNREACHABLE",
    });
    expect(bob.connections().open).toBe(0);
  });

  test("stopping sends what is queued, ends channels on both sides and is done once", async () => {
    const alice = await startTestNetwork("alice", { limits: { closeTimeoutMs: 10_000 } });
    await using bob = await startTestNetwork("bob");
    const channel = await alice.network.connect(bob.device, [bob.address], soon());
    const frames = Array.from({ length: 16 }, (_, n) => new Uint8Array(64 * 1024).fill(n));
    const sending = channel.send(frames);
    const received: number[] = [];
    const receiving = (async () => {
      for await (const batch of (await bob.accept()).receive()) received.push(...batch.map((frame) => frame[0] ?? -1));
    })();
    await sending;
    const own = firstFrame(channel);
    await Promise.all([alice.network.stop(), alice.network.stop()]);
    await receiving;
    expect(await own).toBe("");
    expect(received).toEqual(frames.map((frame) => frame[0]));
    await expect(channel.send([bytes("x")])).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
    await expect(alice.network.connect(bob.device, [bob.address], soon())).rejects.toMatchObject({ reason: "stopped" });
    await expect.poll(() => bob.network.connections()).toMatchObject({ open: 0, channels: 0 });
  });
});
