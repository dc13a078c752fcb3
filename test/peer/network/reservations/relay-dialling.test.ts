import { multiaddr } from "@multiformats/multiaddr";
import { describe, expect, test } from "vitest";
import { STOP_PROTOCOL } from "../../../../peer/network/reservations/circuit-protocols.ts";
import { ChatError } from "../../../../shared/errors.ts";
import { firstFrame, soon } from "../../../support/channels.ts";
import { expectError } from "../../../support/expect-error.ts";
import { startFaultProxy } from "../../../support/fault-proxy.ts";
import { startHostilePeer, tcpAddress } from "../../../support/hostile-peer.ts";
import { echo, startTestNetwork } from "../../../support/networks.ts";
import { startRelay } from "../../../support/relay.ts";
import { expectEcho, relayed } from "../../../support/relayed.ts";

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

  test("that is given up leaves the relay to others who dial through it", async () => {
    await using relay = await startRelay("relay");
    await using mallory = await startHostilePeer({ protocols: [STOP_PROTOCOL], listen: true });
    relay.pretendReserved(await relay.node.dial(multiaddr(mallory.addresses[0] ?? "")));
    await using alice = await startTestNetwork("alice", { dialOnly: true });
    await using bob = await startTestNetwork("bob", { relays: () => [relay.address] });
    const [circuit = ""] = await relayed(bob);
    const patience = new AbortController();
    const silent = `${relay.address}/p2p-circuit/p2p/${mallory.device}`;
    const waiting = expectError(alice.network.connect(mallory.device, [silent], patience.signal), "INTERRUPTED");
    // where it stays: mallory answers nothing
    await mallory.accept();
    const channel = await alice.network.connect(bob.device, [circuit], soon());
    void echo(await bob.accept());
    patience.abort(new ChatError("INTERRUPTED", "gave up"));
    await waiting;
    await channel.send([new TextEncoder().encode("hi")]);
    expect(await firstFrame(channel)).toBe("hi");
    expect(alice.network.connections()).toMatchObject({ relays: 1, paths: { relay: 1 } });
  });
});
