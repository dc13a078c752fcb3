import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test } from "vitest";
import { SERVER_LIMITS } from "../../../naming-server/limits.ts";
import { LogTree } from "../../../naming-server/log/log-tree.ts";
import { TransparencyLog } from "../../../naming-server/log/transparency-log.ts";
import { openSqliteStore } from "../../../naming-server/storage/sqlite-store.ts";
import type { Store } from "../../../naming-server/storage/store.ts";
import { logOriginOf, openCheckpoint } from "../../../shared/checkpoint.ts";
import { ChatError } from "../../../shared/errors.ts";
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
    return { row, place: await log.placeOf(row.name, row) };
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
    const rows = await Promise.all(people.map(async (person) => rowOf(await recordOf(person))));
    for (const row of rows) await store.createName(row);
    const places = await Promise.all(rows.map((row) => log.placeOf(row.name, row)));
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

  test("survives a restart, and one under another public URL while it is empty", async () => {
    const { path, log, accept } = await start({ intervalMs: 0 });
    const before = await log.latest();
    expect(await (await start({ path })).log.latest()).toEqual(before);
    const moved = await start({ path, publicUrl: "https://elsewhere.example.org", intervalMs: 0 });
    const after = await moved.log.latest();
    expect(openCheckpoint(after.note, moved.key).size).toBe(0);
    expect(moved.key.name).toBe(logOriginOf("https://elsewhere.example.org"));
    await expectError(accept(personOf("alice")), "STORE_CORRUPT");
    expect((await moved.log.latest()).size).toBe(1);
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

describe("a record that gets no place", () => {
  test("is waited for a while only", async () => {
    const { log, store, pace } = await start();
    await log.latest();
    const row = await addRecord(store, "alice");
    store.findLogIndex = async () => undefined;
    await expectError(log.placeOf(row.name, row), "SERVER_BUSY");
    expect(pace.ms).toBeGreaterThanOrEqual(SERVER_LIMITS.logWaitMs);
    expect(pace.ms).toBeLessThan(2 * SERVER_LIMITS.logWaitMs);
  });
});

describe("a database that cannot be used now", () => {
  test("leaves the last checkpoint and its proofs to read", async () => {
    const { log, store, accept } = await start({ intervalMs: 0 });
    await accept(personOf("alice"));
    const before = await log.latest();
    store.readLog = unusable;
    expect(await log.latest()).toEqual(before);
    expect(log.inclusion(0, 1)).toMatchObject({ index: 0, size: 1 });
    await expectError(log.renew(), "STORAGE");
  });

  test("gives no first checkpoint", async () => {
    const { log, store } = await start();
    store.readLog = unusable;
    await expectError(log.latest(), "STORAGE");
  });

  test("lets the log go on once it can be used", async () => {
    const { log, accept, store } = await start({ intervalMs: 0 });
    await accept(personOf("alice"));
    const row = await withoutCheckpoint(store, log, "bob");
    expect(await log.placeOf(row.name, row)).toMatchObject({ index: 1, size: 2 });
  });
});

describe("a database that is put back while the server runs", () => {
  test("to before the last entry gets no checkpoint that contradicts the ones there were", async () => {
    const { path, log, accept, store } = await start({ intervalMs: 0 });
    await accept(personOf("alice"));
    const { checkpoint } = await store.readLog();
    await accept(personOf("bob"));
    change(path, "UPDATE log SET size = 1, note = ?", checkpoint?.note ?? null);
    forgetLast(path);
    const row = await addRecord(store, "carol");
    await expectError(log.placeOf(row.name, row), "STORE_CORRUPT");
    await expectError(log.latest(), "STORE_CORRUPT");
    expect((await store.readLog()).checkpoint?.note).toBe(checkpoint?.note);
  });

  test("to before an entry that had no checkpoint yet gets none for what is in its place", async () => {
    const { path, log, accept, store } = await start({ intervalMs: 0 });
    await accept(personOf("alice"));
    const before = await log.latest();
    await withoutCheckpoint(store, log, "bob");
    forgetLast(path);
    const row = await addRecord(store, "carol");
    await expectError(log.placeOf(row.name, row), "STORE_CORRUPT");
    expect((await store.readLog()).checkpoint?.note).toBe(before.note);
  });

  test("and whose log begins anew gets no checkpoint under the key of the old one", async () => {
    const { log, accept, store } = await start({ intervalMs: 0 });
    await accept(personOf("alice"));
    const logSeed = new Uint8Array(32).fill(8);
    await store.markRestored({ at: NOW_MS / 1000, until: NOW_MS / 1000, logSeed });
    await expectError(log.latest(), "STORE_CORRUPT");
    expect((await store.readLog()).checkpoint).toBeUndefined();
  });

  test("and whose log another server has begun anew keeps its checkpoints", async () => {
    const { path, log, accept, store } = await start({ intervalMs: 0 });
    await accept(personOf("alice"));
    await store.markRestored({ at: NOW_MS / 1000, until: NOW_MS / 1000, logSeed: new Uint8Array(32).fill(8) });
    const anew = await (await start({ path })).log.latest();
    await expectError(log.latest(), "STORE_CORRUPT");
    expect((await store.readLog()).checkpoint).toEqual(anew);
  });

  test("gets no checkpoint under the old key from a server that had signed none yet", async () => {
    const { log, store } = await start({ intervalMs: 0 });
    await addRecord(store, "alice");
    await store.markRestored({ at: NOW_MS / 1000, until: NOW_MS / 1000, logSeed: new Uint8Array(32).fill(8) });
    await expectError(log.latest(), "STORE_CORRUPT");
    expect((await store.readLog()).checkpoint).toBeUndefined();
  });
});

async function addRecord(store: Store, name: string) {
  const row = rowOf(await recordOf(personOf(name)));
  await store.createName(row);
  return row;
}

const unusable = () => Promise.reject(new ChatError("STORAGE", "no database"));

/** Accepts a record whose checkpoint cannot be written. */
async function withoutCheckpoint(store: Store, log: TransparencyLog, name: string) {
  const row = await addRecord(store, name);
  const save = store.saveCheckpoint.bind(store);
  store.saveCheckpoint = unusable;
  await expectError(log.placeOf(row.name, row), "STORAGE");
  store.saveCheckpoint = save;
  return row;
}

function change(path: string, sql: string, ...values: (string | null)[]): void {
  using database = new DatabaseSync(path);
  database.exec("PRAGMA foreign_keys = OFF");
  database.prepare(sql).run(...values);
}

function forgetLast(path: string): void {
  const last = "(SELECT name FROM records ORDER BY log_index DESC LIMIT 1)";
  for (const table of ["devices", "names", "records"]) change(path, `DELETE FROM ${table} WHERE name = ${last}`);
}

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
