import { expect, test } from "vitest";
import { interruptible } from "../../../peer/cli/interruption.ts";
import { FakeTime } from "../../support/fake-time.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** As many as take a signal for themselves: with none of them it ends the process. */
function takers(): number[] {
  return SIGNALS.map((name) => process.listenerCount(name));
}

function setUp() {
  const [time, before] = [new FakeTime(), takers()];
  const interruption = interruptible(time.runtime("command").after);
  const send = (name: (typeof SIGNALS)[number]) => process.listeners(name).at(-1)?.(name);
  return { time, before, interruption, send };
}

test.each(SIGNALS)("%s interrupts, and says which signal it was", (name) => {
  const { interruption, send } = setUp();
  using _ = interruption;
  expect([interruption.by, interruption.signal.aborted]).toEqual([undefined, false]);
  send(name);
  expect(interruption.by).toBe(name);
  expect(interruption.signal.reason).toMatchObject({ code: "INTERRUPTED" });
});

test("two signals in a moment are one; after it, the next one ends the process", () => {
  const { interruption, time, before, send } = setUp();
  using _ = interruption;
  send("SIGINT");
  time.pass(199);
  expect(takers()).toEqual(before.map((count) => count + 1));
  send("SIGTERM");
  expect(interruption.by).toBe("SIGINT");
  time.pass(1);
  expect(takers()).toEqual(before);
});

test("what has ended takes no signal, and waits for nothing", () => {
  const { interruption, time, before, send } = setUp();
  send("SIGHUP");
  interruption[Symbol.dispose]();
  expect([takers(), time.timers]).toEqual([before, 0]);
});
