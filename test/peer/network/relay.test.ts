import { describe, expect, test } from "vitest";
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

  test("prefers the direct address, wherever in the record it stands", async () => {
    await using relay = await startRelay("relay");
    await using alice = await startTestNetwork("alice", { dialOnly: true });
    await using bob = await startTestNetwork("bob", { relays: () => [relay.address] });
    const [circuit = ""] = await relayed(bob);
    expect(await expectEcho(alice, bob, [circuit, bob.address])).toBe("direct");
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
