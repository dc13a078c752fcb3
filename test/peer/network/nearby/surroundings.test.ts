import { describe, expect, test } from "vitest";
import { NETWORK_LIMITS } from "../../../../peer/network/limits.ts";
import { watchSurroundings } from "../../../../peer/network/nearby/surroundings.ts";
import { FakeTime } from "../../../support/fake-time.ts";

function watched() {
  const time = new FakeTime();
  let here: readonly string[] = ["192.0.2.1", "::1"];
  const seen: string[] = [];
  // timers stand still where the clock is moved past them, as they do while a process is stopped
  let skippedMs = 0;
  const runtime = time.runtime("surroundings");
  const stop = watchSurroundings({
    runtime: { ...runtime, monotonic: () => runtime.monotonic() + skippedMs },
    limits: NETWORK_LIMITS,
    onWoke: () => seen.push("woke"),
    onMoved: () => seen.push("moved"),
    addresses: () => here,
  });
  return {
    ...{ time, seen, stop },
    hold: (ms: number) => {
      skippedMs += ms;
    },
    move: (...addresses: string[]) => {
      here = addresses;
    },
  };
}

describe("surroundings", () => {
  test("are quiet while nothing happens", () => {
    const { time, seen } = watched();
    time.pass(600_000);
    expect(seen).toEqual([]);
  });

  test("tell within seconds that the process was held for ten minutes, once", () => {
    const { time, seen, hold } = watched();
    time.pass(10_000);
    hold(600_000);
    time.pass(NETWORK_LIMITS.surroundingsIntervalMs);
    expect(seen).toEqual(["woke"]);
    time.pass(60_000);
    expect(seen).toEqual(["woke"]);
  });

  test("tell that the computer slept, though the rising clock slept too", () => {
    const { time, seen } = watched();
    time.pass(10_000);
    time.setClock(time.nowMs + 600_000);
    time.pass(NETWORK_LIMITS.surroundingsIntervalMs);
    expect(seen).toEqual(["woke"]);
  });

  test("do not take a clock that is set back, or a busy moment, for sleep", () => {
    const { time, seen, hold } = watched();
    time.setClock(time.nowMs - 600_000);
    hold(2000);
    time.pass(60_000);
    expect(seen).toEqual([]);
  });

  test("tell that an address came or went", () => {
    const { time, seen, move } = watched();
    move("192.0.2.1", "::1", "198.51.100.7");
    time.pass(NETWORK_LIMITS.surroundingsIntervalMs);
    move("::1");
    time.pass(NETWORK_LIMITS.surroundingsIntervalMs);
    expect(seen).toEqual(["moved", "moved"]);
  });

  test("are left alone in the end", () => {
    const { time, stop } = watched();
    stop();
    expect(time.timers).toBe(0);
  });
});
