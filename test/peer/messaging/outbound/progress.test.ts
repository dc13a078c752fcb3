import { describe, expect, test } from "vitest";
import { Mutex } from "../../../../peer/messaging/mutex.ts";
import { Progress } from "../../../../peer/messaging/outbound/progress.ts";
import { Signal } from "../../../../peer/messaging/signal.ts";
import { ChatError } from "../../../../shared/errors.ts";
import { expectError } from "../../../support/expect-error.ts";
import { FakeTime } from "../../../support/fake-time.ts";

describe("progress", () => {
  const begin = () => {
    const time = new FakeTime();
    return { time, progress: new Progress(time.runtime("test"), 1000) };
  };

  test("wakes its waiter, also when it comes before the waiting", async () => {
    const { progress } = begin();
    progress.made();
    await progress.next();
    const waiting = progress.next();
    progress.nudge();
    await waiting;
  });

  test("ends by time when the peer says nothing, nudged or not", async () => {
    const { time, progress } = begin();
    const waiting = progress.until(() => false);
    progress.nudge();
    time.step(1000);
    await expectError(waiting, "TIMED_OUT");
    expect(time.timers).toBe(0);
  });

  test("does not hold earlier silence against a peer that owes an answer only now", async () => {
    const { time, progress } = begin();
    time.step(60_000);
    progress.expect();
    const waiting = progress.next();
    progress.nudge();
    await waiting;
  });

  test("goes on for as long as the peer answers", async () => {
    const { time, progress } = begin();
    let answers = 0;
    const waiting = progress.until(() => answers === 5);
    while (answers < 5) {
      time.step(999);
      answers += 1;
      progress.made();
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
    await waiting;
  });

  test("fails with the first failure, at once and for good", async () => {
    const { progress } = begin();
    const waiting = progress.next();
    progress.fail(new ChatError("PEER_UNREACHABLE", "first"));
    progress.fail(new ChatError("TIMED_OUT", "second"));
    await expectError(waiting, "PEER_UNREACHABLE");
    await expectError(progress.next(), "PEER_UNREACHABLE");
    expect(() => progress.assertAlive()).toThrow("first");
  });
});

describe("a signal", () => {
  test("forgets what was raised before it was lowered", async () => {
    const signal = new Signal();
    signal.raise();
    signal.lower();
    let woken = false;
    const waiting = signal.wait().then(() => {
      woken = true;
    });
    await Promise.resolve();
    expect(woken).toBe(false);
    signal.raise();
    await waiting;
  });
});

describe("a mutex", () => {
  test("runs one task after the other, whatever becomes of the one before", async () => {
    const mutex = new Mutex();
    const order: string[] = [];
    const step = async (name: string) => {
      order.push(`${name} begins`);
      await Promise.resolve();
      order.push(`${name} ends`);
      if (name === "b") throw new Error(name);
      return name;
    };
    const outcomes = await Promise.allSettled(["a", "b", "c"].map((name) => mutex.run(() => step(name))));
    expect(order).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  });
});
