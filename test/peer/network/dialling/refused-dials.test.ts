import { describe, expect, test } from "vitest";
import { systemRuntime } from "../../../../peer/messaging/runtime.ts";
import { startNetwork } from "../../../../peer/network/node.ts";
import { firstFrame, soon } from "../../../support/channels.ts";
import { startFaultProxy } from "../../../support/fault-proxy.ts";
import { startHostilePeer, tcpAddress } from "../../../support/hostile-peer.ts";
import { echo, seedOf, startTestNetwork } from "../../../support/networks.ts";

describe("what is not dialled or not believed", () => {
  test("another device at the right address", async () => {
    await using alice = await startTestNetwork("alice");
    await using bob = await startTestNetwork("bob");
    await using carol = await startTestNetwork("carol");
    const wrong = bob.address.replace(bob.device, carol.device);
    await expect(alice.network.connect(carol.device, [wrong], soon())).rejects.toMatchObject({
      code: "PEER_UNREACHABLE",
      reason: "dial",
    });
    expect([alice.connected, bob.connected]).toEqual([[], []]);
    expect(alice.network.connections().open).toBe(0);
  });

  test("an address without a peer id, and without leave a local one", async () => {
    await using bob = await startTestNetwork("bob");
    await using strict = await startNetwork({
      deviceSeed: seedOf("strict"),
      listen: { hosts: ["127.0.0.1"], port: 0 },
      allowLocal: false,
      isContact: () => true,
      events: { onChannel: () => {}, onGossip: () => {}, onConnected: () => {} },
      runtime: systemRuntime,
    });
    await using alice = await startTestNetwork("alice");
    const bare = bob.address.replace(`/p2p/${bob.device}`, "");
    for (const [network, address] of [
      [alice.network, bare],
      [strict, bob.address],
    ] as const) {
      await expect(network.connect(bob.device, [address], soon())).rejects.toMatchObject({
        code: "PEER_UNREACHABLE",
        reason: "no-address",
      });
    }
    expect(bob.connected).toEqual([]);
    expect(strict.addresses()).toEqual([]);
  });

  test("a device that is gone", async () => {
    await using alice = await startTestNetwork("alice");
    const bob = await startTestNetwork("bob");
    await bob.network.stop();
    await expect(alice.network.connect(bob.device, [bob.address], soon())).rejects.toMatchObject({
      code: "PEER_UNREACHABLE",
      reason: "dial",
    });
  });

  test("a peer that only offers another version of the protocol", async () => {
    await using alice = await startTestNetwork("alice");
    await using other = await startHostilePeer({ listen: true, protocols: ["/p2pchat/message/0"] });
    await expect(alice.network.connect(other.device, other.addresses, soon())).rejects.toMatchObject({
      code: "PEER_UNREACHABLE",
      reason: "protocol",
    });
  });

  test("a peer that refuses: connecting fails rather than looking open", async () => {
    await using alice = await startTestNetwork("alice");
    await using full = await startTestNetwork("full", { limits: { connections: 1, connectionsForContacts: 1 } });
    await expect(alice.network.connect(full.device, [full.address], soon())).rejects.toMatchObject({
      code: "PEER_UNREACHABLE",
    });
    expect(full.connected).toEqual([]);
    expect(full.network.connections()).toMatchObject({ open: 0, refused: { "connections-of-strangers": 1 } });
  });

  test("a line that breaks, wherever it does: connecting fails or the channel ends, and the next attempt works", async () => {
    await using alice = await startTestNetwork("alice", { dialOnly: true });
    await using bob = await startTestNetwork("bob", { onChannel: (channel) => void echo(channel).catch(() => {}) });
    await using proxy = await startFaultProxy(tcpAddress(bob.address));
    const attempt = async () => {
      const channel = await alice.network.connect(bob.device, [proxy.address(bob.device)], soon());
      await channel.send([new Uint8Array(5000)]);
      return await firstFrame(channel);
    };
    for (const cutAfterBytes of [0, 1, 25, 100, 300, 500, 700, 900, 2000, 5000]) {
      proxy.setFaults({ cutAfterBytes });
      await expect(attempt()).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
      await expect.poll(() => alice.network.connections()).toMatchObject({ open: 0, channels: 0 });
    }
    proxy.setFaults({});
    expect(await attempt()).toHaveLength(5000);
  });

  test("gives up when its caller does", async () => {
    await using alice = await startTestNetwork("alice");
    await using bob = await startTestNetwork("bob");
    await using hole = await startFaultProxy(tcpAddress(bob.address), { blackHole: true });
    const attempt = alice.network.connect(bob.device, [hole.address(bob.device)], AbortSignal.timeout(100));
    await expect(attempt).rejects.toMatchObject({ code: "TIMED_OUT" });
  });
});
