import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { Directory } from "../../naming-server/directory.ts";
import { SERVER_LIMITS } from "../../naming-server/limits.ts";
import { openSqliteStore } from "../../naming-server/storage/sqlite-store.ts";
import type { Store } from "../../naming-server/storage/store.ts";
import { NOW_MS, NOW_SECONDS, personOf, recordOf } from "../support/people.ts";
import { rowOf } from "../support/record-row.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const bob = personOf("bob");
const placeOf = async () => ({ index: 0, size: 1, proof: [], checkpoint: "" });

/** A directory over a real store whose look-ups are counted and can be held up, and another instance's store. */
async function start() {
  const path = join(temporaryDirectory(), "naming.db");
  const [inner, foreign] = [openSqliteStore(path), openSqliteStore(path)];
  onTestFinished(() => inner.close());
  onTestFinished(() => foreign.close());
  await inner.createName(rowOf(await recordOf(bob)));
  const clock = { nowMs: NOW_MS };
  const state = { reads: 0, gate: Promise.resolve() };
  const findName: Store["findName"] = async (name) => {
    state.reads += 1;
    const found = await inner.findName(name);
    await state.gate;
    return found;
  };
  const store: Store = Object.assign(Object.create(inner), { findName, foreignWrites: () => inner.foreignWrites() });
  return {
    inner,
    foreign,
    clock,
    state,
    directory: new Directory({ store, log: { placeOf }, now: () => clock.nowMs }),
  };
}

describe("the directory", () => {
  test("reads a name once for as long as nobody writes, unless the clock goes back", async () => {
    const { directory, clock, state } = await start();
    const first = await directory.find(bob.username);
    clock.nowMs += 86_400_000;
    expect(await directory.find(bob.username)).toBe(first);
    expect(state.reads).toBe(1);
    clock.nowMs -= 1;
    await directory.find(bob.username);
    expect(state.reads).toBe(2);
  });

  test("sees what another instance wrote within a second", async () => {
    const { directory, clock, foreign } = await start();
    const first = await recordOf(bob);
    const second = await recordOf(bob, { previous: first });
    await directory.find(bob.username);
    await foreign.replaceRecord(rowOf(second), first.hash);
    clock.nowMs += SERVER_LIMITS.cacheMaxAgeMs - 1;
    expect((await directory.find(bob.username))?.etag).toBe(`"${first.hash}"`);
    clock.nowMs += 1;
    expect((await directory.find(bob.username))?.etag).toBe(`"${second.hash}"`);
  });

  test("does not keep what was read before another instance wrote and arrives after that was seen", async () => {
    const { directory, clock, foreign, state } = await start();
    const { promise, resolve } = Promise.withResolvers<void>();
    state.gate = promise;
    const stale = directory.find(bob.username);
    await expect.poll(() => state.reads).toBe(1);
    const first = await recordOf(bob);
    const second = await recordOf(bob, { previous: first });
    await foreign.replaceRecord(rowOf(second), first.hash);
    clock.nowMs += SERVER_LIMITS.cacheMaxAgeMs;
    state.gate = Promise.resolve();
    await directory.find(personOf("somebody-else").username);
    resolve();
    await stale;
    expect((await directory.find(bob.username))?.etag).toBe(`"${second.hash}"`);
  });

  test("leaves an address out from the moment it expires", async () => {
    const { directory, clock, inner } = await start();
    const { username: name, device } = bob;
    await inner.putAddress({ name, device, seq: 1, expires: NOW_SECONDS + 10, record: "here", at: NOW_SECONDS });
    clock.nowMs = (NOW_SECONDS + 10) * 1000 - 1;
    expect((await directory.find(bob.username))?.body).toContain("here");
    clock.nowMs += 1;
    expect((await directory.find(bob.username))?.body).not.toContain("here");
  });

  test("does not keep what was read before a write and arrives after it", async () => {
    const { directory, inner, state } = await start();
    const { promise, resolve } = Promise.withResolvers<void>();
    state.gate = promise;
    const stale = directory.find(bob.username);
    await expect.poll(() => state.reads).toBe(1);
    const first = await recordOf(bob);
    const second = await recordOf(bob, { previous: first });
    await inner.replaceRecord(rowOf(second), first.hash);
    directory.forget(bob.username);
    resolve();
    await stale;
    expect((await directory.find(bob.username))?.etag).toBe(`"${second.hash}"`);
  });

  test("knows nothing of unknown names, and asks each time", async () => {
    const { directory, state } = await start();
    const nobody = personOf("somebody-else").username;
    expect(await directory.find(nobody)).toBeUndefined();
    expect(await directory.find(nobody)).toBeUndefined();
    expect(state.reads).toBe(2);
  });
});
