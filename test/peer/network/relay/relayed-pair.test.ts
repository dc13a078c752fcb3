import type { Stream } from "@libp2p/interface";
import { describe, expect, test } from "vitest";
import { watchRelayedPair } from "../../../../peer/network/relay/relayed-pair.ts";
import { FakeTime } from "../../../support/fake-time.ts";

const HOUR_MS = 3_600_000;

class FakeStream extends EventTarget {
  status = "open";
  readStatus = "readable";

  send(): boolean {
    return true;
  }

  close(): void {
    this.status = "closed";
    this.dispatchEvent(new Event("close"));
  }

  abort(): void {
    this.close();
  }
}

function watchedPair() {
  const time = new FakeTime();
  const [a, b] = [new FakeStream(), new FakeStream()];
  const options = { maxBytes: 10, maxMs: HOUR_MS, transferred: () => true, runtime: time.runtime("relay") };
  let isOver = false;
  const over = watchRelayedPair(a as unknown as Stream, b as unknown as Stream, options).then(() => {
    isOver = true;
  });
  return { time, a, b, over, isOver: () => isOver };
}

describe("a relayed pair", () => {
  test("is over when both sides are gone, and leaves no timer", async () => {
    const { time, a, b, over, isOver } = watchedPair();
    a.close();
    await Promise.resolve();
    expect(isOver()).toBe(false);
    b.close();
    await over;
    expect(time.timers).toBe(0);
  });

  test("is cut when it has lasted for long enough", async () => {
    const { time, a, b, over } = watchedPair();
    time.pass(HOUR_MS - 1);
    expect([a.status, b.status]).toEqual(["open", "open"]);
    time.pass(1);
    expect([a.status, b.status]).toEqual(["closed", "closed"]);
    await over;
    expect(time.timers).toBe(0);
  });

  test("is cut where one side does not finish though the other is gone", async () => {
    const { time, a, b, over } = watchedPair();
    b.close();
    // the timer of the one has to make room for the other's
    await new Promise((resolve) => setImmediate(resolve));
    time.pass(29_999);
    expect(a.status).toBe("open");
    time.pass(1);
    expect(a.status).toBe("closed");
    await over;
    expect(time.timers).toBe(0);
  });
});
