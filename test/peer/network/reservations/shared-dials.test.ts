import { describe, expect, test } from "vitest";
import { SharedDials } from "../../../../peer/network/reservations/shared-dials.ts";
import { ChatError } from "../../../../shared/errors.ts";
import { expectError } from "../../../support/expect-error.ts";
import { FakeTime } from "../../../support/fake-time.ts";

/** Dials that end when the test says so. */
function world() {
  const time = new FakeTime();
  const dials: { address: string; signal: AbortSignal; settle: PromiseWithResolvers<string> }[] = [];
  const shared = new SharedDials({
    dial(address, signal) {
      const settle = Promise.withResolvers<string>();
      signal.addEventListener("abort", () => settle.reject(signal.reason));
      dials.push({ address, signal, settle });
      return settle.promise;
    },
    runtime: time.runtime("dials"),
    timeoutMs: 1000,
  });
  return { shared, dials, time };
}

/** All that is waiting for nothing but its turn. */
const turn = () => new Promise((resolve) => setImmediate(resolve));
const gaveUp = new ChatError("INTERRUPTED", "gave up");

describe("a dial that several want", () => {
  test("is made once, and goes on when one of them gives up", async () => {
    const { shared, dials } = world();
    const first = new AbortController();
    const one = shared.to("relay", first.signal);
    const other = shared.to("relay", new AbortController().signal);
    const elsewhere = shared.to("another", new AbortController().signal);
    await turn();
    first.abort(gaveUp);
    await expectError(one, "INTERRUPTED");
    for (const { address, settle } of dials) settle.resolve(`connected to ${address}`);
    expect([await other, await elsewhere]).toEqual(["connected to relay", "connected to another"]);
    expect(dials.map(({ address }) => address)).toEqual(["relay", "another"]);
  });

  test("leaves a connection that none of them can end by their signal", async () => {
    const { shared, dials, time } = world();
    const [first, second] = [new AbortController(), new AbortController()];
    const both = [shared.to("relay", first.signal), shared.to("relay", second.signal)];
    await turn();
    dials[0]?.settle.resolve("connected");
    expect(await Promise.all(both)).toEqual(["connected", "connected"]);
    for (const one of [first, second]) one.abort(gaveUp);
    time.pass(10_000);
    expect([dials[0]?.signal.aborted, time.timers]).toEqual([false, 0]);
  });

  test("ends when nobody waits any more; who comes then has another", async () => {
    const { shared, dials } = world();
    const only = new AbortController();
    const one = shared.to("relay", only.signal);
    await turn();
    only.abort(gaveUp);
    await expectError(one, "INTERRUPTED");
    const next = shared.to("relay", new AbortController().signal);
    await turn();
    expect(dials.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    dials[1]?.settle.resolve("connected");
    expect(await next).toBe("connected");
  });

  test("takes no longer than it may, however many join it, and fails for all at once", async () => {
    const { shared, dials, time } = world();
    const one = shared.to("relay", new AbortController().signal);
    await turn();
    time.pass(900);
    const late = shared.to("relay", new AbortController().signal);
    const both = Promise.all([expectError(one, "TIMED_OUT"), expectError(late, "TIMED_OUT")]);
    time.pass(100);
    await both;
    const again = shared.to("relay", new AbortController().signal);
    await turn();
    dials[1]?.settle.reject(new ChatError("PEER_UNREACHABLE", "refused"));
    await expectError(again, "PEER_UNREACHABLE");
    expect(dials).toHaveLength(2);
  });

  test("is not begun for somebody who has given up before", async () => {
    const { shared, dials } = world();
    await expectError(shared.to("relay", AbortSignal.abort(gaveUp)), "INTERRUPTED");
    await turn();
    expect(dials).toEqual([]);
  });
});
