import { describe, expect, test } from "vitest";
import { NETWORK_LIMITS } from "../../../../peer/network/limits.ts";
import { relaysListed, settled } from "../../../support/fake-relays.ts";

describe("reservations", () => {
  test("are held at the first two relays of the list, and no other is asked", async () => {
    const { reservations, relay, told, start, pass } = relaysListed("a", "b", "c");
    await start();
    expect(reservations.held()).toEqual(["a", "b"]);
    expect(told.at(-1)).toEqual(["a", "b"]);
    await pass(120_000);
    expect(relay("c").asked).toBe(0);
    expect(reservations.status()).toMatchObject([
      { relay: "a", state: "reserved" },
      { relay: "b", state: "reserved" },
    ]);
  });

  test("a relay that ends is replaced at once", async () => {
    const { reservations, relay, told, start } = relaysListed("a", "b", "c");
    await start();
    relay("a").die();
    await settled();
    expect(reservations.held()).toEqual(["b", "c"]);
    expect(told.slice(-2)).toEqual([["b"], ["b", "c"]]);
    expect(reservations.status()[0]).toMatchObject({ state: "waiting", error: "PEER_UNREACHABLE" });
  });

  test("a relay that freezes is given up and replaced within half a minute", async () => {
    const { reservations, relay, start, pass } = relaysListed("a", "b", "c");
    await start();
    relay("a").state = "frozen";
    await pass(26_000);
    expect(reservations.held()).toEqual(["b", "c"]);
    expect(relay("a").abandoned).toBe(1);
    expect(reservations.status()[0]).toMatchObject({ relay: "a", error: "TIMED_OUT" });
  });

  test("a preferred relay that is back is taken back, and the last one is let go", async () => {
    const { reservations, relay, start, pass } = relaysListed("a", "b", "c");
    await start();
    relay("a").die();
    await pass(45_000);
    expect(reservations.held()).toEqual(["b", "c"]);
    relay("a").state = "up";
    await pass(NETWORK_LIMITS.relayRetryMaxMs + 250);
    expect(reservations.held()).toEqual(["a", "b"]);
    expect(reservations.inUse()).toEqual(expect.arrayContaining(["a", "b"]));
    expect(reservations.inUse()).toHaveLength(2);
  });

  test("the only relay is asked again, ever more rarely, until it is back", async () => {
    const { reservations, relay, start, pass } = relaysListed("a");
    relay("a").state = "down";
    await start();
    await pass(10_000);
    const early = relay("a").asked;
    expect(early).toBeGreaterThanOrEqual(4);
    await pass(120_000);
    expect(relay("a").asked - early).toBeLessThanOrEqual(9);
    relay("a").state = "up";
    await pass(NETWORK_LIMITS.relayRetryMaxMs + 250);
    expect(reservations.held()).toEqual(["a"]);
  });

  test("a relay that never answers does not hold up the others", async () => {
    const { reservations, relay, start, pass } = relaysListed("a", "b", "c", "d");
    relay("a").state = "frozen";
    relay("b").state = "frozen";
    await start();
    await pass(NETWORK_LIMITS.reserveTimeoutMs + 500);
    expect(reservations.held()).toEqual(["c", "d"]);
  });

  test.each([
    { clock: "right", lifetimeMs: 20 * 60_000, atLeast: 5, atMost: 6 },
    { clock: "an hour behind the relay's", lifetimeMs: 80 * 60_000, atLeast: 3, atMost: 4 },
    { clock: "an hour ahead of the relay's", lifetimeMs: -40 * 60_000, atLeast: 50, atMost: 60 },
  ])("are renewed in time with a clock that is $clock", async ({ lifetimeMs, atLeast, atMost }) => {
    const { reservations, relay, start, pass } = relaysListed("a");
    relay("a").lifetimeMs = lifetimeMs;
    await start();
    await pass(60 * 60_000);
    expect(relay("a").renewals).toBeGreaterThanOrEqual(atLeast);
    expect(relay("a").renewals).toBeLessThanOrEqual(atMost);
    expect([reservations.held(), relay("a").asked]).toEqual([["a"], 1]);
  });

  test("follow the list when it changes", async () => {
    const { reservations, want, told, start, pass, time } = relaysListed("a", "b");
    await start();
    want("c", "a");
    await settled();
    expect(reservations.held()).toEqual(["c", "a"]);
    want();
    expect([reservations.held(), told.at(-1)]).toEqual([[], []]);
    await pass(60_000);
    expect(time.timers).toBe(0);
  });

  test("a look at all of them ends every back-off and asks every relay at once", async () => {
    const { reservations, relay, start, pass } = relaysListed("a", "b");
    await start();
    relay("a").die();
    await pass(60_000);
    relay("a").state = "up";
    const pings = relay("b").pings;
    reservations.check();
    await settled();
    expect(reservations.held()).toEqual(["a", "b"]);
    expect(relay("b").pings).toBe(pings + 1);
  });

  test("leave nothing behind when they stop", async () => {
    const { reservations, relay, start, time, told } = relaysListed("a", "b");
    relay("b").state = "down";
    await start();
    const before = told.length;
    reservations.stop();
    await settled();
    expect([time.timers, reservations.held(), told.length]).toEqual([0, [], before]);
    reservations.check();
    reservations.refresh();
    expect(relay("a").asked).toBe(1);
  });
});
