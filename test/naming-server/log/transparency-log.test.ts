import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test } from "vitest";
import { SERVER_LIMITS } from "../../../naming-server/limits.ts";
import { LogTree } from "../../../naming-server/log/log-tree.ts";
import { TransparencyLog } from "../../../naming-server/log/transparency-log.ts";
import { openSqliteStore } from "../../../naming-server/storage/sqlite-store.ts";
import { logOriginOf, openCheckpoint } from "../../../shared/checkpoint.ts";
import { logLeafOf } from "../../../shared/log-leaf.ts";
import { isConsistent, isIncluded, leafHash } from "../../../shared/merkle.ts";
import { parseVerifier } from "../../../shared/signed-note.ts";
import { expectError } from "../../support/expect-error.ts";
import { naiveRoot } from "../../support/merkle.ts";
import { AUDIENCE, NOW_MS, type Person, personOf, recordOf } from "../../support/people.ts";
import { rowOf } from "../../support/record-row.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

/** A pace whose clock stands still but for what is slept. */
function steppedPace(intervalMs: number) {
  const pace = { intervalMs, ms: 0, slept: [] as number[] };
  return Object.assign(pace, {
    nowMs: () => pace.ms,
    sleep: async (ms: number) => {
      if (ms <= 0) return;
      pace.slept.push(ms);
      pace.ms += ms;
    },
  });
}

type Options = { path?: string; publicUrl?: string; intervalMs?: number };

async function start({ path = join(temporaryDirectory(), "naming.db"), ...options }: Options = {}) {
  const store = openSqliteStore(path);
  onTestFinished(() => store.close());
  const clock = { nowMs: NOW_MS };
  const pace = steppedPace(options.intervalMs ?? 1000);
  const tree = await LogTree.open(store);
  const seed = await store.keepLogSeed(new Uint8Array(32).fill(7));
  const publicUrl = options.publicUrl ?? AUDIENCE;
  const log = new TransparencyLog({ store, tree, seed, publicUrl, now: () => clock.nowMs, pace });
  const accept = async (person: Person) => {
    const row = rowOf(await recordOf(person));
    await store.createName(row);
    return { row, place: await log.placeOf(person.username, { seq: 1 }) };
  };
  return { path, store, clock, pace, log, accept, key: parseVerifier(log.verifier) };
}

const peopleOf = (count: number) => Array.from({ length: count }, (_, index) => personOf(`person-${index}`));

describe("a checkpoint", () => {
  test("of an empty log is signed too", async () => {
    const { log, key } = await start();
    expect(openCheckpoint((await log.latest()).note, key)).toMatchObject({ size: 0, time: NOW_MS / 1000 });
  });

  test("covers all that was accepted, and proves where", async () => {
    const { log, accept, key, store } = await start({ intervalMs: 0 });
    for (const person of peopleOf(11)) {
      const { row, place } = await accept(person);
      const checkpoint = openCheckpoint(place.checkpoint, key);
      const leaf = leafHash(logLeafOf(row.name, row.hash));
      expect(isIncluded({ ...place, leafHash: leaf }, checkpoint.root)).toBe(true);
      expect(checkpoint.size).toBe(place.size);
    }
    const leaves = (await store.listLeaves(0, 100)).map(({ name, hash }) => logLeafOf(name, hash));
    expect((await log.latest()).root).toEqual(naiveRoot(leaves));
    expect(await log.entries(0)).toEqual(leaves);
    expect(await log.entries(11)).toEqual([]);
  });

  test("follows the one before no sooner than its interval, and covers everybody who waited", async () => {
    const { log, store, pace } = await start();
    await log.latest();
    const people = peopleOf(5);
    for (const person of people) await store.createName(rowOf(await recordOf(person)));
    const places = await Promise.all(people.map(({ username }) => log.placeOf(username, { seq: 1 })));
    expect(pace.slept).toEqual([1000]);
    expect(new Set(places.map(({ checkpoint }) => checkpoint)).size).toBe(1);
    expect(places.map(({ index, size }) => [index, size])).toEqual([0, 1, 2, 3, 4].map((index) => [index, 5]));
  });

  test("is signed anew before it is old, though nothing was added, and its time never goes back", async () => {
    const { log, clock } = await start({ intervalMs: 0 });
    const first = await log.latest();
    clock.nowMs += SERVER_LIMITS.checkpointRenewSeconds * 1000 - 1;
    await log.renew();
    expect(await log.latest()).toEqual(first);
    clock.nowMs += 1;
    await log.renew();
    expect((await log.latest()).time).toBe(first.time + SERVER_LIMITS.checkpointRenewSeconds);
    clock.nowMs = NOW_MS - 86_400_000;
    await log.renew();
    expect((await log.latest()).time).toBe(first.time + SERVER_LIMITS.checkpointRenewSeconds);
  });

  test("continues every one before it", async () => {
    const { log, accept } = await start({ intervalMs: 0 });
    const seen = [await log.latest()];
    for (const person of peopleOf(9)) {
      await accept(person);
      seen.push(await log.latest());
    }
    for (const [index, earlier] of seen.entries()) {
      for (const later of seen.slice(index)) {
        expect(isConsistent(earlier, later, log.consistency(earlier.size, later.size))).toBe(true);
      }
    }
  });

  test("survives a restart, under another public URL with the same key and root", async () => {
    const { path, log, accept } = await start({ intervalMs: 0 });
    await accept(personOf("alice"));
    const before = await log.latest();
    expect(await (await start({ path })).log.latest()).toEqual(before);
    const moved = await start({ path, publicUrl: "https://elsewhere.example.org" });
    const after = await moved.log.latest();
    expect(after).toMatchObject({ size: before.size, root: before.root });
    expect(openCheckpoint(after.note, moved.key).size).toBe(1);
    expect(moved.key.name).toBe(logOriginOf("https://elsewhere.example.org"));
  });

  test("is one and the same for two instances, whoever signed it", async () => {
    const one = await start({ intervalMs: 0 });
    const two = await start({ path: one.path, intervalMs: 0 });
    await one.accept(personOf("alice"));
    expect(await two.log.latest()).toEqual(await one.log.latest());
    await two.accept(personOf("bob"));
    expect((await one.log.latest()).size).toBe(2);
    expect(await one.log.latest()).toEqual(await two.log.latest());
  });

  test("follows one that another instance has just signed no sooner than its interval", async () => {
    const one = await start();
    const two = await start({ path: one.path });
    for (const { log } of [one, two]) await log.latest();
    await one.accept(personOf("alice"));
    two.pace.ms = 5_000;
    const { place } = await two.accept(personOf("bob"));
    expect(place.size).toBe(2);
    expect(two.pace.slept).toEqual([1000]);
  });
});

describe("ranges outside the log are refused:", () => {
  test.each([
    ["an index that is not below the size", (log: TransparencyLog) => log.inclusion(1, 1)],
    ["a size beyond the checkpoint", (log: TransparencyLog) => log.inclusion(0, 3)],
    ["trees in the wrong order", (log: TransparencyLog) => log.consistency(2, 1)],
    ["a later tree beyond the checkpoint", (log: TransparencyLog) => log.consistency(1, 3)],
    ["entries beyond the checkpoint", (log: TransparencyLog) => log.entries(3)],
  ])("%s", async (_what, attempt) => {
    const { log, accept } = await start({ intervalMs: 0 });
    for (const person of peopleOf(2)) await accept(person);
    await expectError(async () => attempt(log), "REQUEST_INVALID", "range");
  });
});

describe("a database whose log is not that of its last checkpoint", () => {
  test.each([
    [
      "with an entry changed",
      "UPDATE records SET hash = (SELECT hash FROM records WHERE log_index = 1) WHERE log_index = 0",
    ],
    ["with an entry missing", "DELETE FROM records WHERE log_index = 1"],
    ["with a hole", "DELETE FROM records WHERE log_index = 0"],
  ])("%s is refused at the start", async (_what, damage) => {
    const { path, accept } = await start({ intervalMs: 0 });
    for (const person of peopleOf(2)) await accept(person);
    const database = new DatabaseSync(path);
    database.exec(damage);
    database.close();
    await expectError(start({ path }), "STORE_CORRUPT");
  });
});
