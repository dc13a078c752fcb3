import { describe, expect, test } from "vitest";
import { NETWORK_LIMITS } from "../../../peer/network/limits.ts";
import { type Reservation, Reservations } from "../../../peer/network/reservations.ts";
import { ChatError } from "../../../shared/errors.ts";
import { FakeTime } from "../../support/fake-time.ts";

/** All that promises have to say now. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A relay of a test; `down`: refuses, `frozen`: never answers. */
class FakeRelay {
  state: "up" | "down" | "frozen" = "up";
  lifetimeMs = 2 * 60 * 60_000;
  asked = 0;
  pings = 0;
  renewals = 0;
  abandoned = 0;
  #lost: AbortController | undefined;

  async reserve(signal: AbortSignal): Promise<Reservation> {
    this.asked += 1;
    await this.#answer(signal);
    const lost = new AbortController();
    this.#lost = lost;
    return {
      lifetimeMs: this.lifetimeMs,
      lost: lost.signal,
      ping: async (attempt) => {
        this.pings += 1;
        await this.#answer(attempt);
      },
      renew: async (attempt) => {
        this.renewals += 1;
        await this.#answer(attempt);
        return { lifetimeMs: this.lifetimeMs };
      },
      abandon: () => {
        this.abandoned += 1;
      },
    };
  }

  /** Its process ends. */
  die(): void {
    this.state = "down";
    this.#lost?.abort(new ChatError("PEER_UNREACHABLE", "the relay is gone"));
  }

  async #answer(signal: AbortSignal): Promise<void> {
    if (this.state === "frozen") {
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    }
    if (this.state === "down") throw new ChatError("PEER_UNREACHABLE", "refused", { reason: "reservation" });
  }
}

function world(...names: string[]) {
  const time = new FakeTime();
  const relays = new Map(names.map((name) => [name, new FakeRelay()]));
  const relay = (name: string) => relays.get(name) ?? new FakeRelay();
  const told: (readonly string[])[] = [];
  let wanted: readonly string[] = names;
  const reservations: Reservations = new Reservations({
    wanted: () => wanted,
    reserve: (name, signal) => relay(name).reserve(signal),
    runtime: time.runtime("reservations"),
    limits: NETWORK_LIMITS,
    onChanged: () => told.push(reservations.held()),
  });
  return {
    ...{ time, relay, told, reservations },
    want: (...relaysNow: string[]) => {
      wanted = relaysNow;
      reservations.refresh();
    },
    /** Lets time pass in steps that leave promises their turn. */
    pass: async (ms: number) => {
      for (let leftMs = ms; leftMs > 0; leftMs -= 250) {
        time.pass(Math.min(250, leftMs));
        await settled();
      }
    },
    start: async () => {
      reservations.start();
      await settled();
    },
  };
}

describe("reservations", () => {
  test("are held at the first two relays of the list, and no other is asked", async () => {
    const { reservations, relay, told, start, pass } = world("a", "b", "c");
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
    const { reservations, relay, told, start } = world("a", "b", "c");
    await start();
    relay("a").die();
    await settled();
    expect(reservations.held()).toEqual(["b", "c"]);
    expect(told.slice(-2)).toEqual([["b"], ["b", "c"]]);
    expect(reservations.status()[0]).toMatchObject({ state: "waiting", error: "PEER_UNREACHABLE" });
  });

  test("a relay that freezes is given up and replaced within half a minute", async () => {
    const { reservations, relay, start, pass } = world("a", "b", "c");
    await start();
    relay("a").state = "frozen";
    await pass(26_000);
    expect(reservations.held()).toEqual(["b", "c"]);
    expect(relay("a").abandoned).toBe(1);
    expect(reservations.status()[0]).toMatchObject({ relay: "a", error: "TIMED_OUT" });
  });

  test("a preferred relay that is back is taken back, and the last one is let go", async () => {
    const { reservations, relay, start, pass } = world("a", "b", "c");
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
    const { reservations, relay, start, pass } = world("a");
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
    const { reservations, relay, start, pass } = world("a", "b", "c", "d");
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
    const { reservations, relay, start, pass } = world("a");
    relay("a").lifetimeMs = lifetimeMs;
    await start();
    await pass(60 * 60_000);
    expect(relay("a").renewals).toBeGreaterThanOrEqual(atLeast);
    expect(relay("a").renewals).toBeLessThanOrEqual(atMost);
    expect([reservations.held(), relay("a").asked]).toEqual([["a"], 1]);
  });

  test("follow the list when it changes", async () => {
    const { reservations, want, told, start, pass, time } = world("a", "b");
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
    const { reservations, relay, start, pass } = world("a", "b");
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
    const { reservations, relay, start, time, told } = world("a", "b");
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
