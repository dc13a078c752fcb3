import { setTimeout as after } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { NETWORK_LIMITS } from "../../../../peer/network/limits.ts";
import { firstFrame, soon } from "../../../support/channels.ts";
import { relaysListed } from "../../../support/fake-relays.ts";
import { startFaultProxy } from "../../../support/fault-proxy.ts";
import { tcpAddress } from "../../../support/hostile-peer.ts";
import { startTestNetwork } from "../../../support/networks.ts";
import { startRelay } from "../../../support/relay.ts";
import { relayed } from "../../../support/relayed.ts";

describe("a relay whose answers stand behind other things", () => {
  test("is kept, with all that runs through it, and is asked on once it has answered", async () => {
    const { reservations, relay, start, pass } = relaysListed("a");
    await start();
    relay("a").state = "busy";
    await pass(4 * 60_000);
    expect([reservations.held(), relay("a").pings, relay("a").abandoned]).toEqual([["a"], 1, 0]);
    relay("a").free();
    await pass(60_000);
    expect([reservations.held(), relay("a").asked]).toEqual([["a"], 1]);
    expect(relay("a").pings).toBeGreaterThan(3);
  });

  test("may take as long over giving the place anew", async () => {
    const { reservations, relay, start, pass } = relaysListed("a");
    relay("a").lifetimeMs = 2 * NETWORK_LIMITS.renewMinMs;
    await start();
    await pass(NETWORK_LIMITS.renewMinMs - 5000);
    relay("a").state = "busy";
    await pass(2 * 60_000);
    expect([relay("a").renewals, relay("a").abandoned]).toEqual([1, 0]);
    relay("a").free();
    await pass(5000);
    expect([reservations.held(), relay("a").asked]).toEqual([["a"], 1]);
  });

  test("is given up, with all that runs through it, once nothing comes any more", async () => {
    const { reservations, relay, start, pass } = relaysListed("a", "b", "c");
    await start();
    relay("a").state = "busy";
    await pass(60_000);
    relay("a").state = "frozen";
    await pass(NETWORK_LIMITS.relayPingTimeoutMs * 1.25 + 250);
    expect([reservations.held(), relay("a").abandoned]).toEqual([["b", "c"], 1]);
    expect(reservations.status()[0]).toMatchObject({ relay: "a", error: "TIMED_OUT" });
  });

  test("is left for another where none of them comes for minutes, and may serve those who are connected through it", async () => {
    const { reservations, relay, start, pass } = relaysListed("a", "b", "c");
    await start();
    relay("a").state = "busy";
    await pass(NETWORK_LIMITS.relayAnswerMaxMs + NETWORK_LIMITS.relayPingIntervalMs + 1000);
    expect([reservations.held(), relay("a").abandoned]).toEqual([["b", "c"], 0]);
  });
});

test("a relay that refuses to give its place anew may serve those who are connected through it", async () => {
  const { reservations, relay, start, pass } = relaysListed("a", "b", "c");
  relay("a").lifetimeMs = 2 * NETWORK_LIMITS.renewMinMs;
  await start();
  await pass(NETWORK_LIMITS.renewMinMs - 5000);
  relay("a").state = "down";
  await pass(20_000);
  expect([reservations.held(), relay("a").renewals, relay("a").abandoned]).toEqual([["b", "c"], 1, 0]);
});

test("a relay is not given up for what this device sends, however long that takes, while others are heard through it", async () => {
  const limits = {
    relayPingIntervalMs: 100,
    relayPingTimeoutMs: 1000,
    reserveTimeoutMs: 1000,
    renewMinMs: 0,
    renewMaxMs: 0,
  };
  await using relay = await startRelay("relay");
  await using proxy = await startFaultProxy(tcpAddress(relay.address));
  await using bob = await startTestNetwork("bob", { limits, relays: () => [proxy.address(relay.id)] });
  await using alice = await startTestNetwork("alice", { dialOnly: true });
  const reachable = (await relayed(bob)).map((address) =>
    address.replace(`/tcp/${proxy.port}/`, `/tcp/${relay.port}/`),
  );
  const channel = await alice.network.connect(bob.device, reachable, soon());
  const hello = new TextEncoder().encode("hello");
  await channel.send([hello]);
  const accepted = await bob.accept();
  const heard = accepted.receive()[Symbol.asyncIterator]();
  expect(await heard.next()).toMatchObject({ value: [hello] });
  const reservedSinceMs = bob.network.connections().reservations[0]?.sinceMs;

  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  proxy.setFaults({ diallerHeldUntil: held });
  for (let heldMs = 0; heldMs < 3000; heldMs += 50) {
    await after(50);
    await channel.send([hello]);
    expect(await heard.next()).toMatchObject({ value: [hello] });
  }
  proxy.setFaults({});
  release();
  await accepted.send([hello]);
  expect(await firstFrame(channel)).toBe("hello");
  expect(bob.network.connections().reservations).toMatchObject([{ state: "reserved", sinceMs: reservedSinceMs }]);
});
