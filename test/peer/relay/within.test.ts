import { describe, expect, test } from "vitest";
import { within } from "../../../peer/relay/within.ts";
import { FakeTime } from "../../support/fake-time.ts";

describe("waiting no longer than so long", () => {
  test("ends with the work, however that ends, and leaves no timer behind", async () => {
    const time = new FakeTime();
    const runtime = time.runtime("relay");
    await within(4000, Promise.resolve(), runtime);
    await expect(within(4000, Promise.reject(new Error("failed")), runtime)).rejects.toThrow("failed");
    expect(time.timers).toBe(0);
  });

  test("ends when the time is over", async () => {
    const time = new FakeTime();
    const { promise } = Promise.withResolvers<void>();
    const waiting = within(4000, promise, time.runtime("relay"));
    time.pass(3999);
    expect(time.timers).toBe(1);
    time.pass(1);
    await waiting;
    expect(time.timers).toBe(0);
  });
});
