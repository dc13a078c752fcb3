import type { Connection } from "@libp2p/interface";
import { describe, expect, test } from "vitest";
import { NETWORK_LIMITS } from "../../../peer/network/limits.ts";
import { Upgrades } from "../../../peer/network/upgrades.ts";
import { deviceIdOf } from "../../../shared/device-id.ts";
import { publicKeyOfSeed } from "../../../shared/ed25519.ts";
import { FakeTime } from "../../support/fake-time.ts";

const bob = deviceIdOf(publicKeyOfSeed(new Uint8Array(32).fill(1)));
const settled = () => new Promise((resolve) => setImmediate(resolve));
const connection = (direct: boolean) => ({ direct }) as Connection;

function world() {
  const time = new FakeTime();
  const attempts: PromiseWithResolvers<void>[] = [];
  let best: Connection | undefined = connection(false);
  const upgrades = new Upgrades({
    best: () => best,
    attempt: (_, relayed) => {
      expect(relayed.direct).toBe(false);
      const attempt = Promise.withResolvers<void>();
      attempts.push(attempt);
      return attempt.promise;
    },
    runtime: time.runtime("upgrades"),
    limits: NETWORK_LIMITS,
    log: () => {},
  });
  const setBest = (now: Connection | undefined) => {
    best = now;
  };
  return { time, attempts, upgrades, setBest };
}

const OFTEN = 6;

/** Until the next attempt is minutes away. */
async function failOften(upgrades: Upgrades, attempts: readonly PromiseWithResolvers<void>[], time: FakeTime) {
  upgrades.offer(bob, false);
  for (let failed = 1; ; failed += 1) {
    attempts.at(-1)?.reject(new Error("no hole"));
    await settled();
    if (failed === OFTEN) return;
    time.pass(NETWORK_LIMITS.offRelayRetryMs * 2 ** (failed - 1));
  }
}

describe("getting off a relay", () => {
  test("is tried once at a time for each device", async () => {
    const { upgrades, attempts } = world();
    upgrades.offer(bob, false);
    upgrades.offer(bob, false);
    await settled();
    upgrades.offer(bob, false);
    expect(attempts).toHaveLength(1);
  });

  test("is over once a direct connection is there", async () => {
    const { upgrades, attempts, setBest, time } = world();
    upgrades.offer(bob, false);
    setBest(connection(true));
    attempts[0]?.resolve();
    await settled();
    expect(time.timers).toBe(0);
    setBest(connection(false));
    upgrades.offer(bob, false);
    expect(attempts).toHaveLength(2);
  });

  test("is tried again, ever more rarely, while the relayed connection is there", async () => {
    const { upgrades, attempts, setBest, time } = world();
    upgrades.offer(bob, false);
    for (const failed of [1, 2, 3, 4]) {
      attempts.at(-1)?.reject(new Error("no hole"));
      await settled();
      expect(attempts).toHaveLength(failed);
      const mostMs = NETWORK_LIMITS.offRelayRetryMs * 2 ** (failed - 1);
      time.pass(mostMs / 2 - 1);
      expect(attempts).toHaveLength(failed);
      time.pass(mostMs / 2 + 1);
      expect(attempts).toHaveLength(failed + 1);
    }
    setBest(undefined);
    attempts.at(-1)?.reject(new Error("no hole"));
    await settled();
    expect(time.timers).toBe(0);
  });

  test("begins anew with another relayed connection of this side's making, never without the shortest wait", async () => {
    const { upgrades, attempts, time } = world();
    await failOften(upgrades, attempts, time);
    upgrades.offer(bob, false);
    time.pass(NETWORK_LIMITS.offRelayRetryMs);
    expect(attempts).toHaveLength(OFTEN);
    for (let n = 0; n < 10; n += 1) {
      upgrades.offer(bob, true);
      time.pass(NETWORK_LIMITS.offRelayRetryMs / 20);
    }
    expect(attempts).toHaveLength(OFTEN);
    time.pass(NETWORK_LIMITS.offRelayRetryMs / 2);
    expect(attempts).toHaveLength(OFTEN + 1);
    upgrades.offer(bob, true);
    attempts.at(-1)?.reject(new Error("no hole"));
    await settled();
    time.pass(NETWORK_LIMITS.offRelayRetryMs);
    expect(attempts).toHaveLength(OFTEN + 2);
  });

  test("begins anew when the network is another", async () => {
    const { upgrades, attempts, time } = world();
    await failOften(upgrades, attempts, time);
    upgrades.renew();
    time.pass(NETWORK_LIMITS.offRelayRetryMs);
    expect(attempts).toHaveLength(OFTEN + 1);
  });

  test("is given up when it takes too long, and when the node stops", async () => {
    const { upgrades, attempts, time } = world();
    upgrades.offer(bob, false);
    time.pass(NETWORK_LIMITS.offRelayTimeoutMs);
    await settled();
    time.pass(NETWORK_LIMITS.offRelayRetryMs);
    expect(attempts).toHaveLength(2);
    upgrades.stop();
    await settled();
    upgrades.offer(bob, false);
    expect([attempts.length, time.timers]).toEqual([2, 0]);
  });
});
