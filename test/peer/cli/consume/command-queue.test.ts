import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CommandQueue } from "../../../../peer/cli/consume/command-queue.ts";
import type { Ahead, ChatEvent } from "../../../../peer/messaging/operations/feed.ts";
import { MESSAGE } from "../../../support/fake-operations.ts";

const message = (from: string, cursor: number): ChatEvent => ({ type: "message", ...MESSAGE, from, cursor });
const presence: ChatEvent = { type: "presence", username: "bob", online: true };

type Run = { readonly event: ChatEvent; end(succeeded: boolean): Promise<void> };

/** Lets everything happen that waits for nothing outside. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

type Options = { jobs?: number; retries?: number; ahead?: Ahead | undefined };

function rig({ jobs = 1, retries = 1_000_000, ahead }: Options = {}) {
  const running: Run[] = [];
  const acknowledged: number[] = [];
  const kept: Ahead[] = [];
  const timers: { ms: number; run: () => void }[] = [];
  const failures: unknown[] = [];
  const givenUp: [number, number, string][] = [];
  let refuse: Error | undefined;
  const queue = new CommandQueue({
    jobs,
    retries,
    run: (event) => {
      const { promise, resolve } = Promise.withResolvers<string | undefined>();
      const run: Run = {
        event,
        end(succeeded) {
          running.splice(running.indexOf(run), 1);
          resolve(succeeded ? undefined : "ended with exit code 3");
          return settle();
        },
      };
      running.push(run);
      return promise;
    },
    givenUp: ({ cursor }, tries, why) => void givenUp.push([cursor, tries, why]),
    ahead,
    acknowledge: (cursor, behind) => {
      if (refuse) throw refuse;
      if (cursor > (acknowledged.at(-1) ?? 0)) acknowledged.push(cursor);
      kept.push(behind);
    },
    failed: (error) => void failures.push(error),
    after(ms, run) {
      const timer = { ms, run };
      timers.push(timer);
      return () => {
        if (timers.includes(timer)) timers.splice(timers.indexOf(timer), 1);
      };
    },
  });
  const cursors = (): (number | string)[] =>
    running.map(({ event }) => ("cursor" in event ? event.cursor : event.type));
  const end = async (cursor: number | string, succeeded = true) => {
    const found = running[cursors().indexOf(cursor)];
    if (found === undefined) throw new Error(`${cursor} does not run`);
    await found.end(succeeded);
  };
  const fire = async () => {
    const timer = timers.shift();
    timer?.run();
    await settle();
    return timer?.ms;
  };
  const refuseWith = (error: Error) => {
    refuse = error;
  };
  return { queue, kept, running, acknowledged, timers, failures, givenUp, cursors, end, fire, refuseWith };
}

describe("a queue of commands", () => {
  test("runs one at a time unless more are allowed, and acknowledges each that ends well", async () => {
    const { queue, cursors, end, acknowledged } = rig();
    for (const cursor of [1, 2]) await queue.add(message("bob", cursor));
    expect(cursors()).toEqual([1]);
    await end(1);
    expect([cursors(), acknowledged]).toEqual([[2], [1]]);
    await end(2);
    expect([cursors(), acknowledged]).toEqual([[], [1, 2]]);
  });

  test("runs those of one sender in order, those of several at the same time", async () => {
    const { queue, cursors, end } = rig({ jobs: 2 });
    await queue.add(message("bob", 1));
    await queue.add(message("bob", 2));
    await queue.add(message("carol", 3));
    await queue.add(message("dave", 4));
    expect(cursors()).toEqual([1, 3]);
    await end(3);
    expect(cursors()).toEqual([1, 4]);
    await end(1);
    expect(cursors()).toEqual([4, 2]);
  });

  test("moves the place only past what is done with all before it", async () => {
    const { queue, end, acknowledged } = rig({ jobs: 3 });
    for (const [index, from] of ["bob", "carol", "dave"].entries()) await queue.add(message(from, index + 1));
    await end(2);
    await end(3);
    expect(acknowledged).toEqual([]);
    await end(1);
    expect(acknowledged).toEqual([3]);
  });

  test("tries a failed message again, later each time, before anything else of that sender", async () => {
    const { queue, cursors, end, fire, acknowledged } = rig();
    await queue.add(message("bob", 1));
    await queue.add(message("bob", 2));
    await queue.add(message("carol", 3));
    await end(1, false);
    expect(cursors()).toEqual([3]);
    await end(3);
    const waits: unknown[] = [];
    for (let tries = 0; tries < 11; tries += 1) {
      waits.push(await fire());
      expect(cursors()).toEqual([1]);
      await end(1, false);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000]);
    expect(acknowledged).toEqual([]);
    await fire();
    await end(1);
    expect([cursors(), acknowledged]).toEqual([[2], [1]]);
    await end(2, false);
    expect(await fire()).toBe(1000);
    await end(2);
    expect(acknowledged).toEqual([1, 3]);
  });

  test("gives a message up after so many tries, says so, and goes on", async () => {
    const { queue, cursors, end, fire, givenUp, acknowledged } = rig({ retries: 2 });
    for (const cursor of [1, 2]) await queue.add(message("bob", cursor));
    for (const wait of [1000, 2000]) {
      await end(1, false);
      expect([await fire(), givenUp, acknowledged]).toEqual([wait, [], []]);
    }
    await end(1, false);
    expect(givenUp).toEqual([[1, 3, "ended with exit code 3"]]);
    expect([cursors(), acknowledged]).toEqual([[2], [1]]);
    await end(2, false);
    expect(await fire()).toBe(1000);
  });

  test("with no further tries gives up at once", async () => {
    const { queue, end, timers, givenUp, acknowledged } = rig({ retries: 0 });
    await queue.add(message("bob", 1));
    await end(1, false);
    expect([timers, givenUp.length, acknowledged]).toEqual([[], 1, [1]]);
  });

  test("goes on with others, however many, while a message keeps failing", async () => {
    const { queue, end, fire, acknowledged } = rig();
    await queue.add(message("bob", 1));
    await end(1, false);
    for (let cursor = 2; cursor < 1000; cursor += 1) {
      await queue.add(message("carol", cursor));
      await end(cursor);
    }
    expect(acknowledged).toEqual([]);
    await fire();
    await end(1);
    expect(acknowledged).toEqual([999]);
  });

  test("tries what has no cursor once", async () => {
    const { queue, cursors, end, timers } = rig();
    await queue.add(presence);
    await queue.add(message("bob", 1));
    await end("presence", false);
    expect([cursors(), timers]).toEqual([[1], []]);
  });

  test("goes on with others while a thousand events of one person wait behind one that fails", async () => {
    const { queue, end, cursors } = rig();
    await queue.add(message("bob", 1));
    await end(1, false);
    for (let cursor = 2; cursor <= 1000; cursor += 1) await queue.add(message("bob", cursor));
    await queue.add(message("carol", 1001));
    expect(cursors()).toEqual([1001]);
  });

  test.each([
    ["so many events", 10_000, "hi"],
    ["so much text", 512, "x".repeat(16_384)],
  ])("takes no more than it can hold until something is done: %s", async (_, most, text) => {
    const { queue, end } = rig();
    for (let cursor = 1; cursor < most; cursor += 1) await queue.add({ ...message("bob", cursor), text } as ChatEvent);
    let added = false;
    const adding = queue.add({ ...message("bob", most), text } as ChatEvent).then(() => {
      added = true;
    });
    await settle();
    expect(added).toBe(false);
    await end(1);
    await adding;
    expect(added).toBe(true);
  });

  test("begins nothing once it stops, and waits for what runs", async () => {
    const { queue, cursors, running, timers, acknowledged } = rig({ jobs: 2 });
    for (const cursor of [1, 2]) await queue.add(message("bob", cursor));
    await queue.add(message("carol", 3));
    await running[1]?.end(false);
    let stopped = false;
    const stopping = queue.stop().then(() => {
      stopped = true;
    });
    await settle();
    expect({ stopped, timers, cursors: cursors() }).toEqual({ stopped: false, timers: [], cursors: [1] });
    await running[0]?.end(true);
    await stopping;
    expect([cursors(), acknowledged]).toEqual([[], [1]]);
  });

  test("gives nothing up that ends because all ends", async () => {
    const { queue, end, givenUp, acknowledged } = rig({ retries: 0 });
    await queue.add(message("bob", 1));
    const stopping = queue.stop();
    await end(1, false);
    await stopping;
    expect([givenUp, acknowledged]).toEqual([[], []]);
  });

  test("begins with what an earlier start has not done, and goes on counting its tries", async () => {
    const first = rig({ jobs: 2, retries: 2 });
    const events = [message("bob", 1), message("carol", 2), message("bob", 3), message("carol", 4)];
    for (const event of events) await first.queue.add(event);
    await first.end(1, false);
    await first.end(2);
    await first.end(4);
    expect([first.acknowledged, first.kept.at(-1)]).toEqual([
      [],
      {
        done: [
          [2, 2],
          [4, 4],
        ],
        failed: [{ cursor: 1, gap: false, failures: 1 }],
      },
    ]);
    await first.queue.stop();
    const second = rig({ jobs: 2, retries: 2, ahead: first.kept.at(-1) });
    for (const event of events) await second.queue.add(event);
    expect([second.cursors(), events.map((event) => second.queue.isDone(event))]).toEqual([
      [1],
      [false, true, false, true],
    ]);
    await second.end(1, false);
    expect([await second.fire(), second.kept.at(-1)]).toEqual([
      2000,
      {
        done: [
          [2, 2],
          [4, 4],
        ],
        failed: [{ cursor: 1, gap: false, failures: 2 }],
      },
    ]);
    await second.end(1, false);
    expect([second.givenUp, second.acknowledged, second.cursors()]).toEqual([
      [[1, 3, "ended with exit code 3"]],
      [2],
      [3],
    ]);
    await second.end(3);
    expect([second.acknowledged, second.kept.at(-1)]).toEqual([[2, 4], { done: [], failed: [] }]);
  });

  test("says so where the place cannot be kept", async () => {
    const { queue, end, failures, refuseWith } = rig();
    const error = new Error("the disk is full");
    refuseWith(error);
    await queue.add(message("bob", 1));
    await end(1);
    expect(failures).toEqual([error]);
  });

  test("loses nothing, keeps each sender's order and never acknowledges what is not done, whatever fails when", async () => {
    const events = fc.array(fc.constantFrom("bob", "carol", "dave"), { maxLength: 12 });
    const outcomes = fc.infiniteStream(fc.integer({ min: 0, max: 5 }));
    await fc.assert(
      fc.asyncProperty(events, outcomes, fc.integer({ min: 1, max: 3 }), async (senders, choices, jobs) => {
        const { queue, running, acknowledged, fire, timers } = rig({ jobs });
        for (const [index, from] of senders.entries()) await queue.add(message(from, index + 1));
        const done: number[] = [];
        for (let step = 0; running.length + timers.length > 0; step += 1) {
          expect(running.length).toBeLessThanOrEqual(jobs);
          const choice = choices.next().value ?? 0;
          const run = running[choice % Math.max(running.length, 1)];
          if (run === undefined || (choice === 5 && timers.length > 0)) {
            await fire();
            continue;
          }
          const succeeded = choice < 3 || step > 100;
          if (succeeded && "cursor" in run.event) done.push(run.event.cursor);
          await run.end(succeeded);
          const place = acknowledged.at(-1) ?? 0;
          expect(
            senders.map((_, index) => index + 1).filter((cursor) => cursor <= place && !done.includes(cursor)),
          ).toEqual([]);
        }
        expect(done.toSorted((a, b) => a - b)).toEqual(senders.map((_, index) => index + 1));
        for (const from of new Set(senders)) {
          const own = done.filter((cursor) => senders[cursor - 1] === from);
          expect(own).toEqual(own.toSorted((a, b) => a - b));
        }
        expect(acknowledged.at(-1) ?? 0).toBe(senders.length);
      }),
      { numRuns: 100 },
    );
  });
});
