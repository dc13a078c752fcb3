import { describe, expect, test } from "vitest";
import { NETWORK_LIMITS } from "../../../../peer/network/limits.ts";
import { HOP_PROTOCOL } from "../../../../peer/network/reservations/circuit-protocols.ts";
import { relaysListed } from "../../../support/fake-relays.ts";
import { type HostilePeer, type RawStream, startHostilePeer } from "../../../support/hostile-peer.ts";
import { startTestNetwork } from "../../../support/networks.ts";
import { startRelay } from "../../../support/relay.ts";
import { startTestRelay } from "../../../support/relay-node.ts";
import { expectEcho, relayed } from "../../../support/relayed.ts";

const OFTEN = { relayPingIntervalMs: 50, relayProbeIntervalMs: 50, relayProbeTimeoutMs: 2000 };
const MINUTE_MS = 60_000;

describe("a relay through which nothing comes", () => {
  const MISSED_MS = 2 * (NETWORK_LIMITS.relayPingIntervalMs + NETWORK_LIMITS.relayProbeTimeoutMs) + 500;

  test("is left for another, and may serve those who are connected through it", async () => {
    const { reservations, relay, start, pass } = relaysListed("a", "b", "c", "d");
    for (const name of ["a", "b"]) relay(name).forwards = false;
    await start();
    expect(reservations.held()).toEqual(["a", "b"]);
    await pass(MISSED_MS);
    expect(reservations.held()).toEqual(["c", "d"]);
    expect(reservations.status()[0]).toMatchObject({ relay: "a", error: "PEER_UNREACHABLE", reason: "forwarding" });
    expect([relay("a").abandoned, relay("a").pings > 0]).toEqual([0, true]);
  });

  test("is not left for one miss", async () => {
    const { reservations, relay, start, pass } = relaysListed("a", "b");
    relay("a").forwards = false;
    await start();
    await pass(MISSED_MS / 2 + NETWORK_LIMITS.relayPingIntervalMs / 2);
    relay("a").forwards = true;
    await pass(60 * MINUTE_MS);
    expect(reservations.held()).toEqual(["a", "b"]);
    expect(relay("a").asked).toBe(1);
  });

  test("is noticed within the time between two looks where it stops later", async () => {
    const { reservations, relay, start, pass } = relaysListed("a", "b", "c");
    await start();
    await pass(60 * MINUTE_MS);
    expect(reservations.held()).toEqual(["a", "b"]);
    relay("b").forwards = false;
    await pass(NETWORK_LIMITS.relayProbeIntervalMs + MISSED_MS);
    expect(reservations.held()).toEqual(["a", "c"]);
    await pass(60 * MINUTE_MS);
    expect(reservations.held()).toEqual(["a", "c"]);
    relay("b").forwards = true;
    await pass(NETWORK_LIMITS.relayRetryReachableMaxMs + 500);
    expect(reservations.held()).toEqual(["a", "b"]);
  });

  test("is noticed by little that is sent, seldom", async () => {
    const { relay, start, pass } = relaysListed("a");
    await start();
    await pass(24 * 60 * MINUTE_MS);
    expect(relay("a").probes).toBeGreaterThanOrEqual(48);
    expect(relay("a").probes).toBeLessThanOrEqual(97);
  });
});

/** `HopMessage { type: STATUS, reservation: { expire: <in 2106> }, status: OK }`, behind its length */
const GRANTED = Uint8Array.of(12, 0x08, 2, 0x1a, 6, 0x08, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x28, 100);

/** Grants all that it is asked for, and does the same with what follows. */
async function startIdleRelay(onRequest: (stream: RawStream) => void = () => {}): Promise<HostilePeer> {
  const peer = await startHostilePeer({ listen: true, protocols: [HOP_PROTOCOL] });
  const serve = async () => {
    for (;;) {
      const stream = await peer.accept();
      stream.write(GRANTED);
      onRequest(stream);
    }
  };
  void serve();
  return peer;
}

describe("a device with a relay", () => {
  test.each([
    ["our own", () => startTestRelay()],
    ["libp2p's", () => startRelay("relay")],
  ])(
    "finds that %s passes on what it sends to itself, again and again, and what others send meanwhile",
    async (_, start) => {
      await using relay = await start();
      await using bob = await startTestNetwork("bob", { limits: OFTEN, relays: () => [relay.address] });
      await using alice = await startTestNetwork("alice", { dialOnly: true });
      const addresses = await relayed(bob);
      const [before] = bob.network.connections().reservations;
      for (let n = 0; n < 5; n += 1) {
        await using stranger = await startTestNetwork(`stranger ${n}`, { dialOnly: true });
        expect(await expectEcho(stranger, bob, addresses)).toBe("relay");
      }
      expect(await expectEcho(alice, bob, addresses)).toBe("relay");
      expect(bob.network.connections().reservations).toEqual([before]);
    },
    20_000,
  );

  test("leaves two that answer and pass nothing on, tells nobody of them again, and is reached through the third", async () => {
    await using first = await startIdleRelay();
    await using second = await startIdleRelay((stream) => stream.write(new Uint8Array(32)));
    await using relay = await startRelay("relay");
    const told: string[] = [];
    const list = [first.addresses[0], second.addresses[0], relay.address].map((address) => address ?? "");
    await using bob = await startTestNetwork("bob", {
      limits: { ...OFTEN, reserveTimeoutMs: 1000, relayRetryMs: 50 },
      relays: () => list,
      onAddressesChanged: () => told.push(bob.network.addresses().join()),
    });
    await expect.poll(() => told.at(-1)?.includes(relay.id), { timeout: 15_000 }).toBe(true);
    await expect
      .poll(() => bob.network.connections().reservations.map(({ state }) => state === "reserved"), { timeout: 15_000 })
      .toEqual([false, false, true]);
    const changes = told.length;
    await using alice = await startTestNetwork("alice", { dialOnly: true });
    expect(await expectEcho(alice, bob, await relayed(bob))).toBe("relay");
    await expect.poll(() => bob.network.connections().reservations[0]?.state, { timeout: 15_000 }).toBe("connecting");
    await expect.poll(() => bob.network.connections().reservations[0]?.state, { timeout: 15_000 }).toBe("waiting");
    const liars = [first, second].map(({ peerId }) => peerId);
    expect(told.slice(changes).filter((addresses) => liars.some((liar) => addresses.includes(liar)))).toEqual([]);
  }, 30_000);

  test("lets no relay answer for itself what should come through it", async () => {
    // the secret that it was given, given back
    await using liar = await startIdleRelay((stream) => {
      stream.stream.addEventListener("message", ({ data }) => stream.write(data.subarray()));
    });
    await using relay = await startRelay("relay");
    await using bob = await startTestNetwork("bob", {
      limits: { ...OFTEN, relays: 1 },
      relays: () => [liar.addresses[0] ?? "", relay.address],
    });
    await expect.poll(() => bob.network.addresses().join(), { timeout: 15_000 }).toContain(relay.id);
    expect(bob.network.connections().reservations[0]).toMatchObject({ state: "waiting", reason: "forwarding" });
  }, 20_000);

  test("stays with one that is too full for it to connect to itself", async () => {
    await using relay = await startTestRelay({ relayed: 0 });
    const { rules } = relay;
    const relaying = rules.relaying.bind(rules);
    let refused = 0;
    rules.relaying = (...asked) => {
      refused += 1;
      return relaying(...asked);
    };
    await using bob = await startTestNetwork("bob", { limits: OFTEN, relays: () => [relay.address] });
    await relayed(bob);
    const [before] = bob.network.connections().reservations;
    await expect.poll(() => refused, { timeout: 15_000 }).toBeGreaterThan(4);
    expect(bob.network.connections().reservations).toEqual([before]);
  });
});
