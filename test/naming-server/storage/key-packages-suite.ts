import { describe, expect, test } from "vitest";
import type { Store } from "../../../naming-server/storage/store.ts";
import { expectError } from "../../support/expect-error.ts";
import { NOW_SECONDS, personOf } from "../../support/people.ts";
import type { StoreUnderTest } from "../../support/store-under-test.ts";

const alice = personOf("alice");

/** What every store must do for key packages. */
export function describeKeyPackages({ engine, openStore, storeWith }: StoreUnderTest): void {
  describe(`key packages in ${engine}`, () => {
    const upload = (count: number, from = 0) => ({
      device: alice.device,
      keyPackages: Array.from({ length: count }, (_, index) => Buffer.from(`package ${from + index}`)),
      lastResort: undefined,
    });
    const claim = async (store: Store) =>
      (await store.claimKeyPackages(alice.username, NOW_SECONDS))?.map(({ keyPackage, lastResort }) => ({
        text: Buffer.from(keyPackage).toString(),
        lastResort,
      }));

    test("are handed out oldest first and once, then the last resort for ever", async () => {
      const store = await storeWith(alice);
      await store.addKeyPackages(upload(2));
      expect(await store.addKeyPackages({ ...upload(0), lastResort: Buffer.from("last") })).toEqual({
        count: 2,
        lastResort: true,
      });
      const claims = [await claim(store), await claim(store), await claim(store), await claim(store)];
      expect(claims.flat()).toEqual([
        { text: "package 0", lastResort: false },
        { text: "package 1", lastResort: false },
        { text: "last", lastResort: true },
        { text: "last", lastResort: true },
      ]);
    });

    test("are handed out once to many who claim at once", async () => {
      const store = await storeWith(alice);
      await store.addKeyPackages(upload(50));
      const claims = await Promise.all(Array.from({ length: 60 }, () => claim(store)));
      const texts = claims.flat().map((claimed) => claimed?.text);
      expect(texts).toHaveLength(50);
      expect(new Set(texts).size).toBe(50);
    });

    test("are neither doubled nor offered again by a repeated upload", async () => {
      const store = await storeWith(alice);
      await store.addKeyPackages(upload(3));
      await claim(store);
      expect(await store.addKeyPackages(upload(3))).toEqual({ count: 2, lastResort: false });
    });

    test("are at most fifty; an upload beyond adds none of its own", async () => {
      const store = await storeWith(alice);
      await store.addKeyPackages(upload(49));
      await expectError(store.addKeyPackages({ ...upload(2, 100), lastResort: Buffer.of(1) }), "KEY_PACKAGES_FULL");
      expect(await store.addKeyPackages(upload(0))).toEqual({ count: 49, lastResort: false });
    });

    test("of an unknown name are none", async () => {
      const store = await openStore();
      expect(await store.claimKeyPackages(alice.username, NOW_SECONDS)).toBeUndefined();
    });
  });
}
