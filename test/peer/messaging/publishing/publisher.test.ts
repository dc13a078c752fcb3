import { describe, expect, test } from "vitest";
import type { NamingServer } from "../../../../peer/messaging/ports/naming-server.ts";
import type { SecureSessions } from "../../../../peer/messaging/ports/sessions.ts";
import { Publisher, replenishKeyPackages } from "../../../../peer/messaging/publishing/publisher.ts";
import { verifyAddressRecord } from "../../../../shared/address-record.ts";
import { ChatError } from "../../../../shared/errors.ts";
import { FakeTime } from "../../../support/fake-time.ts";
import { addressOf } from "../../../support/memory-network.ts";
import { alice, idOf, openedStore } from "../../../support/opened-store.ts";

/** A naming server that counts, and fails where it is told to. */
function publishing() {
  const time = new FakeTime();
  const runtime = time.runtime("publisher");
  const store = openedStore();
  const calls: string[] = [];
  const held = { count: 0, lastResort: false, seq: 0 };
  const failing = new Set<string>();
  const hiding = { hidden: false };
  const keeping: { refusal?: ChatError } = {};
  const records: string[] = [];
  let gate: Promise<void> = Promise.resolve();
  const call = async (name: string, signal?: AbortSignal) => {
    calls.push(name);
    await gate;
    signal?.throwIfAborted();
    if (failing.has(name)) throw new ChatError("SERVER_UNREACHABLE", name);
  };
  const naming = {
    async publishAddresses(record: string, signal?: AbortSignal) {
      await call("publish", signal);
      const { payload } = await verifyAddressRecord(record, time.nowMs);
      const { seq } = payload;
      if (seq <= held.seq) throw new ChatError("RECORD_CONFLICT", "the sequence must rise");
      held.seq = seq;
      records.push(record);
    },
    withdrawAddresses: () => call("withdraw"),
    async uploadKeyPackages({ keyPackages, lastResort }, signal) {
      await call(keyPackages.length === 0 && lastResort === undefined ? "count" : "upload", signal);
      held.count += keyPackages.length;
      held.lastResort ||= lastResort !== undefined;
      return { count: held.count, lastResort: held.lastResort };
    },
  } as Partial<NamingServer> as NamingServer;
  let made = 0;
  const sessions = {
    async createKeyPackage() {
      made += 1;
      return { reference: idOf(`package ${made}`), publicPackage: idOf(made), privatePackage: idOf(-made) };
    },
  } as Partial<SecureSessions> as SecureSessions;
  const failures: unknown[] = [];
  const deps = {
    self: { ...alice, incarnation: idOf("life", 16) },
    store,
    runtime,
    sessions,
    naming,
    keeper: {
      async keep() {
        if (keeping.refusal !== undefined) throw keeping.refusal;
      },
    },
    hidden: () => hiding.hidden,
    serverNow: () => time.nowMs,
    failed: (error: unknown) => void failures.push(error),
  };
  const publisher = new Publisher(deps, { addresses: () => [addressOf(alice.device)] });
  const pass = async (ms: number) => {
    for (let left = ms; ; ) {
      const { passedMs, ran } = time.step(left);
      left -= passedMs;
      if (!ran) return;
      // a renewal is over once the next one is due
      await expect.poll(() => time.timers).toBe(1);
    }
  };
  const hold = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    gate = promise;
    return resolve;
  };
  return { publisher, deps, calls, held, failing, hiding, keeping, failures, records, store, time, pass, hold };
}

describe("a publisher that hides", () => {
  const named = (calls: readonly string[]) => calls.filter((call) => call === "publish" || call === "withdraw");

  test("publishes nothing, and withdraws what a run before may have left, until that is done", async () => {
    const { publisher, calls, failing, hiding, deps, pass } = publishing();
    hiding.hidden = true;
    const hidden = new Publisher(deps, { addresses: () => [addressOf(alice.device)] });
    expect([hidden.listed, publisher.listed]).toEqual([true, false]);
    failing.add("withdraw");
    await hidden.start();
    expect([hidden.published, hidden.listed]).toEqual([false, true]);
    failing.clear();
    await pass(5000);
    expect([hidden.published, hidden.listed]).toEqual([false, false]);
    await pass(60_000);
    expect(named(calls)).toEqual(["withdraw", "withdraw"]);
    await hidden.stop(AbortSignal.timeout(1000));
    expect(named(calls)).toEqual(["withdraw", "withdraw"]);
  });

  test("withdraws and publishes as that changes, behind whatever is under way", async () => {
    const { publisher, calls, hiding, hold, pass, time } = publishing();
    await publisher.start();
    const release = hold();
    time.step(20_000);
    await expect.poll(() => named(calls)).toEqual(["publish", "publish"]);
    hiding.hidden = true;
    const hidden = publisher.refresh();
    release();
    await hidden;
    expect([named(calls), publisher.published]).toEqual([["publish", "publish", "withdraw"], false]);
    await pass(40_000);
    hiding.hidden = false;
    await publisher.refresh();
    expect([named(calls).slice(3), publisher.published, time.timers]).toEqual([["publish"], true, 1]);
    await publisher.stop(AbortSignal.timeout(1000));
  });
});

describe("the publisher", () => {
  test("fills the key packages, publishes addresses for less than a minute, and renews them in time", async () => {
    const { publisher, calls, held, records, pass, deps } = publishing();
    await publisher.start();
    expect(calls).toEqual(["count", "upload", "publish"]);
    expect(held).toMatchObject({ count: 50, lastResort: true });
    expect([publisher.published, publisher.keyPackages]).toEqual([true, 50]);
    const first = await verifyAddressRecord(records[0] ?? "", deps.serverNow());
    expect(first.payload).toMatchObject({
      addrs: [addressOf(alice.device)],
      exp: Math.floor(deps.serverNow() / 1000) + 55,
    });
    await pass(40_000);
    expect(calls.slice(3)).toEqual(["publish", "publish"]);
    const last = await verifyAddressRecord(records.at(-1) ?? "", deps.serverNow());
    expect(last.payload.seq).toBeGreaterThan(first.payload.seq);
  });

  test("has the private halves on disk before the public ones leave", async () => {
    const { publisher, failing, store } = publishing();
    failing.add("upload");
    await publisher.start();
    expect(store.keyPackages.find(idOf("package 1"))).toBeDefined();
    expect(store.keyPackages.lastResort()).toBeDefined();
  });

  test("is found though its key packages are refused, and counts them again soon", async () => {
    const { publisher, calls, failing, failures, pass } = publishing();
    failing.add("count");
    await publisher.start();
    expect(publisher.published).toBe(true);
    expect(failures).toHaveLength(1);
    failing.clear();
    await pass(5000);
    expect(calls).toEqual(["count", "publish", "count", "upload", "publish"]);
  });

  test("tries again every five seconds while the server is away", async () => {
    const { publisher, calls, failing, pass } = publishing();
    for (const name of ["count", "publish"]) failing.add(name);
    await publisher.start();
    expect(publisher.published).toBe(false);
    await pass(10_000);
    expect(calls.filter((name) => name === "publish")).toHaveLength(3);
    failing.clear();
    await pass(5000);
    expect(publisher.published).toBe(true);
  });

  test("leaves the server alone for as long as it asks", async () => {
    const { publisher, calls, keeping, pass } = publishing();
    keeping.refusal = new ChatError("RATE_LIMITED", "too many requests", { details: { retryAfterSeconds: 30 } });
    await publisher.start();
    calls.length = 0;
    await pass(29_999);
    expect(calls).toEqual([]);
    delete keeping.refusal;
    await pass(1);
    expect(calls).toEqual(["publish"]);
  });

  test("looks after a key package was used, and makes up for them when half are gone", async () => {
    const { publisher, calls, held, pass } = publishing();
    await publisher.start();
    held.count = 30;
    publisher.keyPackageUsed();
    await pass(20_000);
    expect(held.count).toBe(30);
    held.count = 24;
    publisher.keyPackageUsed();
    await pass(20_000);
    expect(held.count).toBe(50);
    expect(calls.filter((name) => name === "count")).toHaveLength(3);
  });

  test.each([
    ["ten minutes", 600_000],
    ["a day", 86_400_000],
    ["a year", 366 * 86_400_000],
  ])("is listed again when the server's clock has come back from %s ahead", async (_what, aheadMs) => {
    const { publisher, deps, held, pass } = publishing();
    held.seq = deps.serverNow() + aheadMs;
    await publisher.start();
    expect(publisher.published).toBe(false);
    await pass(50_000);
    expect(publisher.published).toBe(true);
  });

  test("keeps to numbers that a server takes, however often one is refused", async () => {
    const { publisher, failures, held, pass } = publishing();
    held.seq = Number.MAX_SAFE_INTEGER;
    await publisher.start();
    await pass(150_000);
    expect(failures).toHaveLength(31);
    held.seq = 0;
    await pass(5000);
    expect(publisher.published).toBe(true);
  });

  test("withdraws its addresses when it stops, also those that were on their way", async () => {
    const { publisher, calls, failures, hold, time } = publishing();
    await publisher.start();
    const release = hold();
    time.step(20_000);
    await expect.poll(() => calls.slice(3)).toEqual(["publish"]);
    const stopping = publisher.stop(AbortSignal.timeout(1000));
    release();
    await stopping;
    expect(calls.at(-1)).toBe("withdraw");
    expect(time.timers).toBe(0);
    expect(failures).toEqual([]);
  });

  test("withdraws nothing that was never published", async () => {
    const { publisher, calls } = publishing();
    await publisher.stop(AbortSignal.timeout(1000));
    expect(calls).toEqual([]);
  });
});

describe("key packages", () => {
  test("of a last resort are renewed after 30 days, old private halves deleted after 120", async () => {
    const { deps, held, store } = publishing();
    await replenishKeyPackages(deps);
    const first = store.keyPackages.lastResort();
    const later = (days: number) => ({
      ...deps,
      runtime: { ...deps.runtime, now: () => deps.runtime.now() + days * 86_400_000 },
      serverNow: () => deps.serverNow() + days * 86_400_000,
    });
    await replenishKeyPackages(later(30));
    expect(store.keyPackages.lastResort()).toEqual(first);
    await replenishKeyPackages(later(31));
    expect(store.keyPackages.lastResort()?.reference).not.toEqual(first?.reference);
    expect(store.keyPackages.find(first?.reference ?? idOf(0))).toBeDefined();
    held.count = 0;
    await replenishKeyPackages(later(121));
    expect(store.keyPackages.find(first?.reference ?? idOf(0))).toBeUndefined();
  });

  test.each(["this computer's", "the server's"])("survive a clock that leaps ahead alone, %s", async (whose) => {
    const { deps, store } = publishing();
    await replenishKeyPackages(deps);
    const leapt = (now: () => number) => () => now() + 366 * 86_400_000;
    const { runtime, serverNow } = deps;
    await replenishKeyPackages(
      whose === "the server's"
        ? { ...deps, serverNow: leapt(serverNow) }
        : { ...deps, runtime: { ...runtime, now: leapt(runtime.now) } },
    );
    expect(store.keyPackages.find(idOf("package 1"))).toBeDefined();
  });
});
