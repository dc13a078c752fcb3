import { expect, test } from "vitest";
import { pause } from "../../shared/pause.ts";

/** A timer that is wound by hand. */
function handTimer() {
  const waiting = new Map<() => void, number>();
  const after = (ms: number, callBack: () => void) => {
    waiting.set(callBack, ms);
    return () => void waiting.delete(callBack);
  };
  return { waiting, after };
}

test("a pause ends when its time is over, and leaves nothing behind", async () => {
  const timers = handTimer();
  const paused = pause(timers, 70, new AbortController().signal);
  expect([...timers.waiting.values()]).toEqual([70]);
  for (const ring of timers.waiting.keys()) ring();
  await paused;
  expect(timers.waiting.size).toBe(0);
});

test("a pause ends at once when it is called off, before or meanwhile, and calls its timer off", async () => {
  const timers = handTimer();
  const calledOff = new AbortController();
  const paused = pause(timers, 70, calledOff.signal);
  calledOff.abort();
  await paused;
  await pause(timers, 70, calledOff.signal);
  expect(timers.waiting.size).toBe(0);
});
