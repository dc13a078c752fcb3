import { describe, expect, test } from "vitest";
import type { RelayRow } from "../../../naming-server/storage/store.ts";
import { expectError } from "../../support/expect-error.ts";
import { NOW_SECONDS, relayOf } from "../../support/people.ts";
import { NOTHING_YET, type StoreUnderTest } from "../../support/store-under-test.ts";

const MAX = 3;
const one = relayOf("one").id;

const rowOf = (label: string, seq: number, facts: Partial<RelayRow> = {}): RelayRow => ({
  relay: relayOf(label).id,
  seq,
  expires: NOW_SECONDS + 600,
  record: `${label} ${seq}`,
  isWithdrawn: false,
  at: NOW_SECONDS,
  ...facts,
});

/** What every store must do for the list of relays. */
export function describeRelays({ engine, createFactory, openStore }: StoreUnderTest): void {
  const recordsOf = async (store: Awaited<ReturnType<typeof openStore>>, at = NOW_SECONDS) =>
    (await store.listRelays(at, 100)).map(({ record }) => record).sort();

  describe(`relays in ${engine}`, () => {
    test("rise in sequence; the same bytes may come again", async () => {
      const store = await openStore();
      await store.putRelay(rowOf("one", 5), MAX);
      await store.putRelay(rowOf("one", 5), MAX);
      await expectError(store.putRelay(rowOf("one", 5, { record: "other bytes" }), MAX), "RECORD_CONFLICT");
      await expectError(store.putRelay(rowOf("one", 4), MAX), "RECORD_CONFLICT");
      expect(await store.listRelays(NOW_SECONDS, MAX)).toEqual([{ relay: one, record: "one 5" }]);
      await store.putRelay(rowOf("one", 6), MAX);
      expect(await recordsOf(store)).toEqual(["one 6"]);
    });

    test("are listed until they expire, by id, and no more than are asked for", async () => {
      const store = await openStore();
      await store.putRelay(rowOf("one", 1, { expires: NOW_SECONDS + 10 }), MAX);
      await store.putRelay(rowOf("two", 1), MAX);
      expect(await recordsOf(store, NOW_SECONDS + 9)).toEqual(["one 1", "two 1"]);
      expect(await recordsOf(store, NOW_SECONDS + 10)).toEqual(["two 1"]);
      const ids = (await store.listRelays(NOW_SECONDS, MAX)).map(({ relay }) => relay);
      expect(ids).toEqual([one, relayOf("two").id].sort());
      expect(await store.listRelays(NOW_SECONDS, 1)).toHaveLength(1);
    });

    test("are gone once withdrawn, and no older record brings them back", async () => {
      const store = await openStore();
      const longest = rowOf("one", 1, { expires: NOW_SECONDS + 3000 });
      await store.putRelay(longest, MAX);
      const goodbye = rowOf("one", 2, { isWithdrawn: true, expires: NOW_SECONDS + 60 });
      await store.putRelay(goodbye, MAX);
      await store.putRelay(goodbye, MAX);
      expect(await recordsOf(store)).toEqual([]);
      await store.forgetExpired({ ...NOTHING_YET, relays: NOW_SECONDS + 3000 });
      await expectError(store.putRelay(longest, MAX), "RECORD_CONFLICT");
      await store.forgetExpired({ ...NOTHING_YET, relays: NOW_SECONDS + 3001 });
      await store.putRelay(longest, MAX);
    });

    test("leave nothing behind that withdraw without having been there", async () => {
      const store = await openStore();
      for (const label of ["one", "two", "three", "four"]) {
        await store.putRelay(rowOf(label, 9, { isWithdrawn: true }), MAX);
      }
      await store.putRelay(rowOf("one", 1), MAX);
      expect(await recordsOf(store)).toEqual(["one 1"]);
    });

    test("find no place on a full list, but may renew theirs", async () => {
      const store = await openStore();
      for (const label of ["one", "two", "three"]) await store.putRelay(rowOf(label, 1), MAX);
      await expectError(store.putRelay(rowOf("four", 1), MAX), "RELAYS_FULL");
      await store.putRelay(rowOf("one", 2), MAX);
      expect(await recordsOf(store)).toEqual(["one 2", "three 1", "two 1"]);
    });

    test("find a place again once another's last record has expired", async () => {
      const store = await openStore();
      for (const label of ["one", "two", "three"]) await store.putRelay(rowOf(label, 1), MAX);
      await store.putRelay(rowOf("one", 2, { isWithdrawn: true, expires: NOW_SECONDS + 1 }), MAX);
      const later = { at: NOW_SECONDS + 600, expires: NOW_SECONDS + 900 };
      await expectError(store.putRelay(rowOf("four", 1, { ...later, at: later.at - 1 }), MAX), "RELAYS_FULL");
      await store.putRelay(rowOf("four", 1, later), MAX);
      expect(await recordsOf(store, later.at)).toEqual(["four 1"]);
    });

    test("are the same for every instance, and after a restart", async () => {
      const factory = createFactory();
      const first = await factory.open();
      const second = await openStore(factory);
      await first.putRelay(rowOf("one", 2), MAX);
      expect(await recordsOf(second)).toEqual(["one 2"]);
      await expectError(second.putRelay(rowOf("one", 1), MAX), "RECORD_CONFLICT");
      await first.close();
      expect(await recordsOf(await openStore(factory))).toEqual(["one 2"]);
    });
  });
}
