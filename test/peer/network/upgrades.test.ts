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

describe("getting off a relay", () => {
  test("is tried once at a time for each device", async () => {
    const { upgrades, attempts } = world();
    upgrades.offer(bob);
    upgrades.offer(bob);
    await settled();
    upgrades.offer(bob);
    expect(attempts).toHaveLength(1);
  });

  test("is over once a direct connection is there", async () => {
    const { upgrades, attempts, setBest, time } = world();
    upgrades.offer(bob);
    setBest(connection(true));
    attempts[0]?.resolve();
    await settled();
    expect(time.timers).toBe(0);
    setBest(connection(false));
    upgrades.offer(bob);
    expect(attempts).toHaveLength(2);
  });

  test("is tried again, ever more rarely, while the relayed connection is there", async () => {
    const { upgrades, attempts, setBest, time } = world();
    upgrades.offer(bob);
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

  test("is given up when it takes too long, and when the node stops", async () => {
    const { upgrades, attempts, time } = world();
    upgrades.offer(bob);
    time.pass(NETWORK_LIMITS.offRelayTimeoutMs);
    await settled();
    time.pass(NETWORK_LIMITS.offRelayRetryMs);
    expect(attempts).toHaveLength(2);
    upgrades.stop();
    await settled();
    upgrades.offer(bob);
    expect([attempts.length, time.timers]).toEqual([2, 0]);
  });
});
