import { describe, expect, test } from "vitest";
import { type Attempt, race } from "../../../../peer/network/dialling/race.ts";
import { FakeTime } from "../../../support/fake-time.ts";

type Runner = Attempt<string> & { readonly started: () => boolean; readonly cancelled: () => boolean } & Pick<
    PromiseWithResolvers<string>,
    "resolve" | "reject"
  >;

/** An attempt that the test ends. */
function runner(delayMs: number): Runner {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let seen: AbortSignal | undefined;
  const run = (signal: AbortSignal) => {
    seen = signal;
    return promise;
  };
  return { delayMs, run, resolve, reject, started: () => seen !== undefined, cancelled: () => seen?.aborted ?? false };
}

function start(...attempts: Runner[]) {
  const time = new FakeTime();
  const stop = new AbortController();
  const discarded: string[] = [];
  const result = race(attempts, {
    runtime: time.runtime("race"),
    signal: stop.signal,
    discard: (late) => discarded.push(late),
  });
  result.catch(() => undefined);
  return { time, stop, discarded, result };
}

/** All that promises have to say now. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("a race", () => {
  test("starts each attempt at its time while those before are under way", () => {
    const [first, second, third] = [runner(0), runner(250), runner(400)];
    const { time } = start(third, first, second);
    expect([first, second, third].map(({ started }) => started())).toEqual([true, false, false]);
    time.pass(249);
    expect(second.started()).toBe(false);
    time.pass(1);
    expect([second.started(), third.started()]).toEqual([true, false]);
    time.pass(150);
    expect(third.started()).toBe(true);
  });

  test("does not wait when everything under way has failed", async () => {
    const [first, second] = [runner(0), runner(400)];
    const { time, result } = start(first, second);
    first.reject(new Error("refused"));
    await settled();
    expect(second.started()).toBe(true);
    second.resolve("second");
    expect(await result).toBe("second");
    expect(time.timers).toBe(0);
  });

  test("waits on for one that is under way when another fails", async () => {
    const [first, second, third] = [runner(0), runner(100), runner(400)];
    const { time } = start(first, second, third);
    time.pass(100);
    second.reject(new Error("refused"));
    await settled();
    expect(third.started()).toBe(false);
  });

  test("is won by the first that succeeds; the others are cancelled, the late ones handed back", async () => {
    const [first, second, third] = [runner(0), runner(100), runner(400)];
    const { time, result, discarded } = start(first, second, third);
    time.pass(100);
    second.resolve("second");
    expect(await result).toBe("second");
    expect(first.cancelled()).toBe(true);
    first.resolve("first");
    await settled();
    expect(discarded).toEqual(["first"]);
    time.pass(1000);
    expect([third.started(), time.timers]).toEqual([false, 0]);
  });

  test("fails with every reason once all have failed", async () => {
    const [first, second] = [runner(0), runner(1)];
    const { result } = start(first, second);
    const reasons = [new Error("one"), new Error("two")];
    first.reject(reasons[0]);
    second.reject(reasons[1]);
    await expect(result).rejects.toMatchObject({ errors: reasons });
    await expect(start().result).rejects.toMatchObject({ errors: [] });
  });

  test("ends when it is given up, with the reason given", async () => {
    const [first, second] = [runner(0), runner(400)];
    const { time, stop, result } = start(first, second);
    stop.abort(new Error("enough"));
    await expect(result).rejects.toThrow("enough");
    expect([first.cancelled(), time.timers]).toEqual([true, 0]);
    first.reject(new Error("aborted"));
    await settled();
    expect(second.started()).toBe(false);
  });
});
