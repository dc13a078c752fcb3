import { describe, expect, test } from "vitest";
import type { CheckpointRow } from "../../../naming-server/storage/store.ts";
import { chainOf, NOW_SECONDS, personOf, recordOf } from "../../support/people.ts";
import { rowOf } from "../../support/record-row.ts";
import { type StoreFactory, storeUnderTest } from "../../support/store-under-test.ts";

const alice = personOf("alice");
const bob = personOf("bob");

/** What every store must do for the log of accepted records. */
export function describeLogStore(engine: string, createFactory: StoreFactory): void {
  const { openStore } = storeUnderTest(engine, createFactory);

  const checkpointOf = (size: number, note: string): CheckpointRow => {
    return { size, root: new Uint8Array(32).fill(size), time: NOW_SECONDS + size, note };
  };

  describe(`the log in ${engine}`, () => {
    test("begins empty", async () => {
      const store = await openStore();
      expect(await store.readLog()).toEqual({ size: 0, checkpoint: undefined });
      expect(await store.listLeaves(0, 10)).toEqual([]);
      expect(await store.findLogIndex(alice.username, 1)).toBeUndefined();
    });

    test("holds every accepted record once, in the order in which they came", async () => {
      const store = await openStore();
      const [first, second] = (await chainOf(alice, 2)).map(rowOf);
      const other = rowOf(await recordOf(bob));
      if (first === undefined || second === undefined) throw new Error("a chain of two");
      await store.createName(first);
      await store.createName(other);
      await store.createName(first);
      await store.replaceRecord(second, first.hash);
      await store.replaceRecord(second, first.hash);
      await store.sequenceRecords("one");
      const leaves = [first, other, second].map(({ name, hash }) => ({ name, hash }));
      expect(await store.listLeaves(0, 10)).toEqual(leaves);
      expect(await store.listLeaves(1, 1)).toEqual(leaves.slice(1, 2));
      expect(await store.listLeaves(3, 10)).toEqual([]);
      expect(await store.readLog()).toMatchObject({ size: 3 });
      expect(await store.findLogIndex(alice.username, 2)).toBe(2);
      expect(await store.findName(alice.username)).toMatchObject({ seq: 2, logIndex: 2 });
    });

    test("does not hold what was refused", async () => {
      const store = await openStore();
      await store.createName(rowOf(await recordOf(alice)));
      await store.createName(rowOf(await recordOf(personOf("alice", { identity: "x", device: "y" })))).catch(() => {});
      await store.createName(rowOf(await recordOf(personOf("carol", { device: "alice device" })))).catch(() => {});
      await store.sequenceRecords("one");
      expect(await store.readLog()).toMatchObject({ size: 1 });
    });

    test("has no hole and no double where instances accept at once", async () => {
      const factory = createFactory();
      const stores = [await openStore(factory), await openStore(factory), await openStore(factory)];
      const people = Array.from({ length: 60 }, (_, index) => personOf(`person-${index}`));
      await Promise.all(
        people.map(async (person, index) => {
          const store = stores[index % stores.length];
          await store?.createName(rowOf(await recordOf(person)));
          await store?.sequenceRecords(`instance ${index % stores.length}`);
        }),
      );
      const [store] = stores;
      await store?.sequenceRecords("instance 0");
      const names = (await store?.listLeaves(0, 100))?.map(({ name }) => name) ?? [];
      expect(names.sort()).toEqual(people.map(({ username }) => username).sort());
      const places = await Promise.all(people.map(({ username }) => store?.findLogIndex(username, 1)));
      expect(places.sort((a = 0, b = 0) => a - b)).toEqual(people.map((_, index) => index));
    });

    test("takes each next checkpoint from one instance alone", async () => {
      const factory = createFactory();
      const [store, other] = [await openStore(factory), await openStore(factory)];
      const seed = await store.keepLogSeed(new Uint8Array(32));
      const [first, rival] = [checkpointOf(1, "first"), checkpointOf(1, "rival")];
      expect(await store.saveCheckpoint(first, undefined, seed)).toBe(true);
      expect(await other.saveCheckpoint(rival, undefined, seed)).toBe(false);
      expect((await other.readLog()).checkpoint).toEqual(first);
      expect(await other.saveCheckpoint(checkpointOf(2, "second"), "first", seed)).toBe(true);
      expect(await store.saveCheckpoint(checkpointOf(3, "third"), "first", seed)).toBe(false);
      expect((await store.readLog()).checkpoint).toEqual(checkpointOf(2, "second"));
    });

    test("keeps the first seed for good", async () => {
      const factory = createFactory();
      const [store, other] = [await openStore(factory), await openStore(factory)];
      const seed = new Uint8Array(32).fill(1);
      expect(new Uint8Array(await store.keepLogSeed(seed))).toEqual(seed);
      expect(new Uint8Array(await other.keepLogSeed(new Uint8Array(32).fill(2)))).toEqual(seed);
    });
  });
}
