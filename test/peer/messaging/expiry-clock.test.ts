import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createExpiryClock, type KeptOffset } from "../../../peer/messaging/expiry-clock.ts";
import { FakeTime } from "../../support/fake-time.ts";
import { NOW_MS } from "../../support/people.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const TRUST_MS = 26 * HOUR_MS;
const BOOTED_AT_MS = NOW_MS - HOUR_MS;

function rig(kept?: KeptOffset, time = new FakeTime()) {
  const written: KeptOffset[] = [];
  const runtime = time.runtime("one");
  const uptimeMs = () => HOUR_MS + runtime.monotonic();
  const clock = createExpiryClock({ runtime, uptimeMs, kept, keep: (offset) => void written.push(offset) });
  const aheadMs = () => [clock.now() - time.nowMs, clock.ofWriting() - time.nowMs];
  return { time, clock, written, aheadMs };
}

describe("the clock of what expires", () => {
  test("is this computer's until the naming server is heard", () => {
    const { aheadMs, written } = rig();
    expect([aheadMs(), written]).toEqual([[0, 0], []]);
  });

  test.each([DAY_MS, -DAY_MS, -25 * HOUR_MS])(
    "goes by the naming server where this computer is off by %d ms",
    (offsetMs) => {
      const { clock, aheadMs, written, time } = rig();
      clock.hear(NOW_MS + offsetMs);
      expect(aheadMs()).toEqual([offsetMs, offsetMs]);
      expect(written).toEqual([{ offsetMs, bootedAtMs: BOOTED_AT_MS }]);
      time.step(HOUR_MS);
      expect(aheadMs()).toEqual([offsetMs, offsetMs]);
      clock.hear(NOW_MS + HOUR_MS + offsetMs + 20_000);
      expect(written).toHaveLength(1);
    },
  );

  test("does not follow what clocks may differ by, and writes down once that it is right", () => {
    const { clock, aheadMs, written } = rig();
    for (const ms of [30_000, -30_000, 1, 0]) clock.hear(NOW_MS + ms);
    expect([aheadMs(), written]).toEqual([[0, 0], [{ offsetMs: 0, bootedAtMs: BOOTED_AT_MS }]]);
  });

  test("is checked from when the naming server is heard until somebody sets it", () => {
    const { clock, time } = rig();
    expect(clock.isChecked()).toBe(false);
    clock.hear(NOW_MS);
    time.step(HOUR_MS);
    expect(clock.isChecked()).toBe(true);
    time.setClock(time.nowMs + DAY_MS);
    expect(clock.isChecked()).toBe(false);
  });

  test("is moved by no more than 26 hours, whatever the naming server says and how often", () => {
    const heard = fc.array(fc.integer({ min: -8.64e15, max: 8.64e15 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(heard, (times) => {
        const { clock, aheadMs, written } = rig();
        for (const ms of times) clock.hear(ms);
        for (const ms of [...aheadMs(), ...written.map(({ offsetMs }) => offsetMs)]) {
          expect(Math.abs(ms)).toBeLessThanOrEqual(TRUST_MS);
        }
      }),
    );
  });

  test("is told by a naming server that was wrong that it is right again", () => {
    const { clock, aheadMs, written } = rig();
    clock.hear(NOW_MS + 365 * DAY_MS);
    expect(aheadMs()).toEqual([TRUST_MS, TRUST_MS]);
    clock.hear(NOW_MS);
    expect(aheadMs()).toEqual([0, 0]);
    expect(written.map(({ offsetMs }) => offsetMs)).toEqual([TRUST_MS, 0]);
  });

  test("goes right where the wall clock leaps and the naming server does not", () => {
    const { clock, aheadMs, time } = rig();
    const leapMs = 365 * DAY_MS;
    time.setClock(NOW_MS + leapMs);
    expect(aheadMs()).toEqual([-leapMs, 0]);
    clock.hear(NOW_MS);
    expect(aheadMs()).toEqual([-leapMs, -leapMs]);
  });

  test("catches up after a sleep, during which nothing but the wall clock goes on", () => {
    const { clock, aheadMs, time } = rig();
    time.setClock(NOW_MS + 7 * DAY_MS);
    clock.hear(NOW_MS + 7 * DAY_MS);
    expect(aheadMs()).toEqual([0, 0]);
  });
});

describe("an offset that was kept", () => {
  test.each([DAY_MS, -DAY_MS])("of %d ms holds from the start while nobody sets the clock", (offsetMs) => {
    const { aheadMs, clock, written, time } = rig({ offsetMs, bootedAtMs: BOOTED_AT_MS + 60_000 });
    expect([aheadMs(), clock.isChecked()]).toEqual([[offsetMs, offsetMs], true]);
    clock.hear(time.nowMs + offsetMs);
    expect(written).toEqual([]);
  });

  test.each([
    [DAY_MS, 0],
    [-DAY_MS, -DAY_MS],
  ])(
    "of %d ms, once the clock was set or the computer started anew, makes nothing expire early",
    (offsetMs, holdsMs) => {
      for (const bootedAtMs of [BOOTED_AT_MS - DAY_MS, BOOTED_AT_MS + DAY_MS]) {
        const { aheadMs, clock, written } = rig({ offsetMs, bootedAtMs });
        expect([aheadMs(), clock.isChecked()]).toEqual([[holdsMs, holdsMs], false]);
        clock.hear(NOW_MS);
        expect([aheadMs(), written]).toEqual([[0, 0], [{ offsetMs: 0, bootedAtMs: BOOTED_AT_MS }]]);
      }
    },
  );

  test("is held to 26 hours whoever wrote it", () => {
    const { aheadMs } = rig({ offsetMs: -1000 * DAY_MS, bootedAtMs: BOOTED_AT_MS });
    expect(aheadMs()).toEqual([-TRUST_MS, -TRUST_MS]);
  });
});
