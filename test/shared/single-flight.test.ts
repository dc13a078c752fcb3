import { describe, expect, test } from "vitest";
import { singleFlight } from "../../shared/single-flight.ts";
import { expectError } from "../support/expect-error.ts";

function counted() {
  const runs: { key: string; settle: PromiseWithResolvers<string> }[] = [];
  const fly = singleFlight((key: string) => {
    const settle = Promise.withResolvers<string>();
    runs.push({ key, settle });
    return settle.promise;
  });
  return { runs, fly };
}

describe("a single flight", () => {
  test("runs once for all who ask meanwhile, and again for who asks later", async () => {
    const { runs, fly } = counted();
    const both = Promise.all([fly("a"), fly("a")]);
    runs[0]?.settle.resolve("first");
    expect(await both).toEqual(["first", "first"]);
    const later = fly("a");
    runs[1]?.settle.resolve("second");
    expect(await later).toBe("second");
    expect(runs).toHaveLength(2);
  });

  test("keeps keys apart", async () => {
    const { runs, fly } = counted();
    const both = Promise.all([fly("a"), fly("b")]);
    for (const { key, settle } of runs) settle.resolve(key.toUpperCase());
    expect(await both).toEqual(["A", "B"]);
  });

  test("fails for all who asked, and is forgotten", async () => {
    const { runs, fly } = counted();
    const outcomes = Promise.allSettled([fly("a"), fly("a")]);
    runs[0]?.settle.reject(new Error("no"));
    expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    const later = fly("a");
    runs[1]?.settle.resolve("yes");
    expect(await later).toBe("yes");
  });

  test("ends the wait of the one who gives up, and no other", async () => {
    const { runs, fly } = counted();
    const giveUp = new AbortController();
    const [hasty, patient] = [fly("a", giveUp.signal), fly("a", new AbortController().signal)];
    giveUp.abort();
    await expectError(hasty, "INTERRUPTED");
    runs[0]?.settle.resolve("done");
    expect(await patient).toBe("done");
  });

  test("does not start for one who has given up already", async () => {
    const { runs, fly } = counted();
    await expectError(fly("a", AbortSignal.abort()), "INTERRUPTED");
    expect(runs).toEqual([]);
  });

  test("leaves no unhandled rejection when everybody has given up", async () => {
    const { runs, fly } = counted();
    const giveUp = new AbortController();
    const hasty = fly("a", giveUp.signal);
    giveUp.abort();
    await expectError(hasty, "INTERRUPTED");
    runs[0]?.settle.reject(new Error("too late"));
    await new Promise(setImmediate);
  });
});
