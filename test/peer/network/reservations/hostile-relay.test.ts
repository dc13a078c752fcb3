import { describe, expect, test } from "vitest";
import { HOP_PROTOCOL } from "../../../../peer/network/reservations/circuit-protocols.ts";
import { type HostilePeer, type RawStream, startHostilePeer } from "../../../support/hostile-peer.ts";
import { assertStillServes, echo, startTestNetwork } from "../../../support/networks.ts";
import { startRelay } from "../../../support/relay.ts";
import { expectEcho, relayed, relayedOf } from "../../../support/relayed.ts";

/** `HopMessage { type: STATUS, reservation: { expire: <in 2106> }, status: OK }`, behind its length */
const GRANTED = Uint8Array.of(12, 0x08, 2, 0x1a, 6, 0x08, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x28, 100);

/** A relay that answers every request in that way. */
async function startLyingRelay(answer: (stream: RawStream) => void): Promise<HostilePeer & { address: string }> {
  const peer = await startHostilePeer({ listen: true, protocols: [HOP_PROTOCOL] });
  const serve = async () => {
    for (;;) answer(await peer.accept());
  };
  void serve();
  return Object.assign(peer, { address: peer.addresses[0] ?? "" });
}

function trickle(stream: RawStream, bytes: Uint8Array): void {
  let next = 0;
  const timer = setInterval(() => {
    if (stream.stream.status !== "open" || next === bytes.length) clearInterval(timer);
    else stream.write(bytes.subarray(next, ++next));
  }, 150);
}

const endless = new Uint8Array(10_000).fill(0xff);

describe("a relay that", () => {
  test.each([
    ["says nothing", () => {}, "TIMED_OUT"],
    ["grants a place a byte at a time", (stream: RawStream) => trickle(stream, GRANTED), "TIMED_OUT"],
    ["answers nonsense", (stream: RawStream) => stream.write(endless), "PEER_UNREACHABLE"],
    ["promises more than it says", (stream: RawStream) => trickle(stream, Uint8Array.of(0xff, 0x3f, 1)), "TIMED_OUT"],
    ["resets", (stream: RawStream) => stream.reset(), undefined],
  ] as const)("%s is passed over", async (_, answer, error) => {
    await using liar = await startLyingRelay(answer);
    await using relay = await startRelay("relay");
    await using bob = await startTestNetwork("bob", {
      limits: { reserveTimeoutMs: 1000, relays: 1 },
      relays: () => [liar.address, relay.address],
    });
    await relayed(bob);
    expect(relayedOf(bob)[0]).toContain(relay.id);
    expect(bob.network.connections().reservations[0]).toMatchObject({
      ...{ relay: liar.address, state: "waiting" },
      ...(error !== undefined && { error }),
    });
  });

  test("grants places and passes nothing on is gone around through the other one", async () => {
    await using liar = await startLyingRelay((stream) => stream.write(GRANTED));
    await using relay = await startRelay("relay");
    await using bob = await startTestNetwork("bob", { relays: () => [liar.address, relay.address] });
    await using alice = await startTestNetwork("alice", { dialOnly: true });
    const addresses = await relayed(bob, 2);
    expect(addresses[0]).toContain(liar.peerId);
    expect(await expectEcho(alice, bob, addresses)).toBe("relay");
  });

  test("a record names and that swallows connections keeps nobody from dialling others", async () => {
    await using liar = await startLyingRelay(() => {});
    await using bob = await startTestNetwork("bob", { onChannel: (channel) => void echo(channel) });
    await using alice = await startTestNetwork("alice", { dialOnly: true, limits: { addressDialTimeoutMs: 500 } });
    const circuits = Array.from({ length: 8 }, () => `${liar.address}/p2p-circuit/p2p/${bob.device}`);
    await expect(alice.network.connect(bob.device, circuits, AbortSignal.timeout(10_000))).rejects.toMatchObject({
      code: "PEER_UNREACHABLE",
    });
    await assertStillServes(bob);
    const channel = await alice.network.connect(bob.device, [...circuits, bob.address], AbortSignal.timeout(10_000));
    expect(channel.path).toBe("direct");
  });
});
