import { describe, expect, test } from "vitest";
import { NETWORK_LIMITS } from "../../../../peer/network/limits.ts";
import { relaysListed, relaysListedAfter } from "../../../support/fake-relays.ts";
import { startTestNetwork } from "../../../support/networks.ts";
import { startRelay } from "../../../support/relay.ts";
import { relayed } from "../../../support/relayed.ts";

describe("a list with twenty relays that never answer before those that do", () => {
  const dead = Array.from({ length: 20 }, (_, n) => `dead${n}`);

  test("has each asked once before any is asked again, and so holds up nobody for long", async () => {
    const { reservations, relay, freeze, start, pass } = relaysListed(...dead, "a", "b");
    freeze(...dead);
    await start();
    await pass((dead.length / 2 - 0.5) * NETWORK_LIMITS.reserveTimeoutMs);
    expect(dead.map((name) => relay(name).asked)).toEqual(dead.map(() => 1));
    await pass(NETWORK_LIMITS.reserveTimeoutMs);
    expect(reservations.held()).toEqual(["a", "b"]);
  });

  test("leaves the place of one that ends to the next, whichever are tried again meanwhile", async () => {
    const { reservations, relay, freeze, start, pass } = relaysListed(...dead, "a", "b", "c");
    freeze(...dead);
    await start();
    await pass(10 * 60_000);
    expect(reservations.held()).toEqual(["a", "b"]);
    for (const lost of ["a", "b", "c", "a", "b"]) {
      relay(lost).die();
      relay(lost).state = "up";
      await pass(2000);
      expect(reservations.held()).toHaveLength(2);
      expect(reservations.inUse().length).toBeLessThanOrEqual(3);
    }
  });

  test("is gone through for one that is back, which is taken back", async () => {
    const { reservations, relay, freeze, start, pass } = relaysListed(...dead, "a", "b");
    freeze(...dead);
    await start();
    await pass(60 * 60_000);
    relay("dead7").state = "up";
    await pass(dead.length * (NETWORK_LIMITS.reserveTimeoutMs + 250) + NETWORK_LIMITS.relayRetryReachableMaxMs);
    expect(reservations.held()).toEqual(["dead7", "a"]);
  });

  test("holds up no restart, nor a look at all of them: those that worked last are asked first", async () => {
    const { reservations, relay, freeze, start, pass } = relaysListedAfter(["a", "b"], ...dead, "a", "b");
    freeze(...dead);
    await start();
    expect(reservations.held()).toEqual(["a", "b"]);
    await pass(60_000);
    for (const name of ["a", "b"]) relay(name).die();
    await pass(30_000);
    for (const name of ["a", "b"]) relay(name).state = "up";
    reservations.check();
    await pass(NETWORK_LIMITS.reserveTimeoutMs + 250);
    expect(reservations.held()).toEqual(["a", "b"]);
  });
});

describe("relays that are dead for long", () => {
  const HOUR_MS = 60 * 60_000;

  test("are asked ever more rarely while others work", async () => {
    const { reservations, relay, start, pass } = relaysListed("dead", "deaf", "a", "b");
    relay("dead").state = "down";
    relay("deaf").state = "frozen";
    await start();
    await pass(HOUR_MS);
    const before = [relay("dead").asked, relay("deaf").asked];
    await pass(HOUR_MS);
    const anHour = [relay("dead").asked, relay("deaf").asked].map((asked, place) => asked - (before[place] ?? 0));
    expect(anHour.every((asked) => asked >= 3 && asked <= 9)).toBe(true);
    expect(reservations.held()).toEqual(["a", "b"]);
  });

  test("are asked as often as before once none works any more", async () => {
    const { reservations, relay, start, pass } = relaysListed("dead", "a");
    relay("dead").state = "down";
    await start();
    await pass(2 * HOUR_MS);
    relay("a").die();
    await pass(1000);
    const asked = relay("dead").asked;
    await pass(10 * NETWORK_LIMITS.relayRetryMaxMs);
    expect(relay("dead").asked - asked).toBeGreaterThanOrEqual(9);
    relay("dead").state = "up";
    await pass(NETWORK_LIMITS.relayRetryMaxMs + 250);
    expect(reservations.held()).toEqual(["dead"]);
  });

  test("are back, after a while, within about as long again, and what was before is forgotten", async () => {
    const { reservations, relay, start, pass } = relaysListed("a", "b");
    await start();
    relay("a").die();
    await pass(60_000);
    relay("a").state = "up";
    await pass(2 * 60_000);
    expect(reservations.held()).toEqual(["a", "b"]);
    relay("a").die();
    relay("a").state = "up";
    await pass(NETWORK_LIMITS.relayRetryMs + 250);
    expect(reservations.held()).toEqual(["a", "b"]);
  });
});

describe("the relays that worked last", () => {
  test("are remembered, and what is lost meanwhile too", async () => {
    const { relay, saved, start, pass } = relaysListed("a", "b", "c");
    await start();
    expect(saved.at(-1)).toEqual(["a", "b"]);
    relay("a").die();
    await pass(20_000);
    expect(saved.at(-1)).toEqual(["b", "c"]);
    for (const name of ["b", "c"]) relay(name).die();
    await pass(20_000);
    expect(saved.at(-1)).toEqual(["b", "c"]);
  });

  test("are preferred to none that works: the order stays what it is", async () => {
    const { reservations, saved, start, pass } = relaysListedAfter(["d", "e"], "a", "b", "c", "d", "e");
    await start();
    await pass(1000);
    expect(reservations.held()).toEqual(["a", "b"]);
    expect(saved.at(-1)).toEqual(["a", "b"]);
  });

  test("are asked only where they are wanted still", async () => {
    const { reservations, relay, start } = relaysListedAfter(["gone"], "a", "b");
    await start();
    expect([reservations.held(), relay("gone").asked]).toEqual([["a", "b"], 0]);
  });

  test("are what the device's node remembers", async () => {
    await using relay = await startRelay("relay");
    const saved: (readonly string[])[] = [];
    const relayMemory = { worked: () => [], save: (relays: readonly string[]) => saved.push(relays) };
    await using bob = await startTestNetwork("bob", { relays: () => [relay.address], relayMemory });
    await relayed(bob);
    expect(saved).toEqual([[relay.address]]);
  });
});
