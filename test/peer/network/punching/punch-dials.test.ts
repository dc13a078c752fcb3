import { describe, expect, test } from "vitest";
import { NETWORK_LIMITS } from "../../../../peer/network/limits.ts";
import { PunchDials } from "../../../../peer/network/punching/punch-dials.ts";
import { FakeTime } from "../../../support/fake-time.ts";

function world() {
  const time = new FakeTime();
  const dials = new PunchDials({ limits: NETWORK_LIMITS, runtime: time.runtime("dials") });
  /** All dials of an attempt that is refused each time, and how long it took. */
  const exhaust = async () => {
    const budget = dials.attempt();
    let [count, tookMs] = [0, 0];
    for (let goesOn = budget.take(); goesOn; count += 1) {
      const later = budget.takeLater();
      tookMs += time.step(60_000).passedMs;
      goesOn = await later;
    }
    return { count, tookMs };
  };
  return { time, dials, exhaust };
}

describe("dialling where somebody else says", () => {
  test("is over after a few dials, the first ones close together", async () => {
    const { dials, exhaust, time } = world();
    const { count, tookMs } = await exhaust();
    expect(count).toBe(NETWORK_LIMITS.punchDials);
    expect(tookMs).toBeLessThan(1000);
    const budget = dials.attempt();
    budget.take();
    const later = budget.takeLater();
    expect(time.step(1000).passedMs).toBeLessThan(NETWORK_LIMITS.punchPauseMs);
    expect(await later).toBe(true);
  });

  test("is so much a minute, however many say where", async () => {
    const { exhaust, time, dials } = world();
    let total = 0;
    for (let n = 0; n < 20; n += 1) total += (await exhaust()).count;
    expect(total).toBe(NETWORK_LIMITS.punchDialsPerMinute);
    expect(dials.attempt().take()).toBe(false);
    time.pass(60_000);
    expect((await exhaust()).count).toBe(NETWORK_LIMITS.punchDials);
  });
});
