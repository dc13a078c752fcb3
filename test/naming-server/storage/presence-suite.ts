import { describe, expect, test } from "vitest";
import type { Store } from "../../../naming-server/storage/store.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { expectError } from "../../support/expect-error.ts";
import { NOW_SECONDS, personOf, recordOf } from "../../support/people.ts";
import { rowOf } from "../../support/record-row.ts";
import { addressOf, type StoreUnderTest } from "../../support/store-under-test.ts";

const alice = personOf("alice");
const bob = personOf("bob");

/** What every store must do for addresses, and who is online by them. */
export function describePresence({ engine, createFactory, openStore, storeWith }: StoreUnderTest): void {
  describe(`addresses in ${engine}`, () => {
    test("rise in sequence; the same bytes may come again", async () => {
      const store = await storeWith(alice);
      await store.putAddress(addressOf(alice, 5));
      await store.putAddress(addressOf(alice, 5));
      await expectError(store.putAddress(addressOf(alice, 5, "other bytes")), "RECORD_CONFLICT");
      await expectError(store.putAddress(addressOf(alice, 4)), "RECORD_CONFLICT");
      const found = await store.findName(alice.username);
      expect(found?.devices).toEqual([
        { device: alice.device, address: { record: "record 5", expires: NOW_SECONDS + 600 } },
      ]);
    });

    test("do not come back once withdrawn", async () => {
      const store = await storeWith(alice);
      await store.putAddress(addressOf(alice, 5));
      await store.deleteAddress(alice.device, NOW_SECONDS);
      await expectError(store.putAddress(addressOf(alice, 5)), "RECORD_CONFLICT");
      expect((await store.findName(alice.username))?.devices[0]?.address).toBeUndefined();
      await store.putAddress(addressOf(alice, 6));
      expect(await store.listOnline(NOW_SECONDS)).toHaveLength(1);
    });

    test("say who is online, until they expire", async () => {
      const store = await storeWith(bob, alice);
      await store.putAddress(addressOf(bob, 1, "b", NOW_SECONDS + 20));
      await store.putAddress(addressOf(alice, 1, "a", NOW_SECONDS + 10));
      const names = async (at: number) => (await store.listOnline(at)).map(({ name }) => name);
      expect(await names(NOW_SECONDS)).toEqual(["alice", "bob"]);
      expect(await names(NOW_SECONDS + 10)).toEqual(["bob"]);
      expect(await names(NOW_SECONDS + 20)).toEqual([]);
    });

    test("say nobody is online by what was published while the clock was ahead", async () => {
      const store = await storeWith(alice, bob);
      const longest = NOW_SECONDS + LIMITS.addressRecordMaxLifetimeSeconds + LIMITS.clockSkewSeconds;
      await store.putAddress(addressOf(alice, 1, "a", longest));
      await store.putAddress(addressOf(bob, 1, "b", longest + 1));
      expect((await store.listOnline(NOW_SECONDS)).map(({ name }) => name)).toEqual(["alice"]);
    });

    test("belong to the name that lists the device", async () => {
      const store = await storeWith(alice, bob);
      await expectError(store.putAddress({ ...addressOf(alice, 1), name: bob.username }), "FORBIDDEN");
      expect(await store.listOnline(NOW_SECONDS)).toEqual([]);
    });
  });

  describe(`presence in ${engine}`, () => {
    /** Each as a word; the names are enough to tell the devices apart. */
    const transitions = async (store: Store, after = 0) =>
      (await store.listTransitions(after, 100)).map(({ name, online }) => `${online ? "+" : "-"}${name}`);
    const onlineIn = async (store: Store) => (await store.readPresence()).online.map(({ name }) => name);

    test("changes once as a device comes, however often it renews, and once as it goes", async () => {
      const store = await storeWith(alice, bob);
      for (const seq of [1, 2, 2, 3]) await store.putAddress(addressOf(alice, seq));
      await store.putAddress(addressOf(bob, 1));
      expect(await store.listTransitions(0, 100)).toMatchObject([
        { name: alice.username, device: alice.device, online: true },
        { name: bob.username, device: bob.device, online: true },
      ]);
      expect(await onlineIn(store)).toEqual(["alice", "bob"]);
      await store.deleteAddress(alice.device, NOW_SECONDS);
      await store.deleteAddress(alice.device, NOW_SECONDS);
      expect(await transitions(store)).toEqual(["+alice", "+bob", "-alice"]);
      expect(await onlineIn(store)).toEqual(["bob"]);
    });

    test("has ids that rise, from which a reader goes on", async () => {
      const store = await storeWith(alice);
      expect(await store.readPresence()).toEqual({ newest: 0, online: [] });
      await store.putAddress(addressOf(alice, 1));
      await store.deleteAddress(alice.device, NOW_SECONDS);
      await store.putAddress(addressOf(alice, 2));
      const ids = (await store.listTransitions(0, 100)).map(({ id }) => id);
      expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
      expect(await transitions(store, ids[0])).toEqual(["-alice", "+alice"]);
      expect(await store.listTransitions(0, 2)).toHaveLength(2);
      expect((await store.readPresence()).newest).toBe(ids.at(-1));
    });

    test("ends as the address does, in one transition of two instances that look at once", async () => {
      const factory = createFactory();
      const [store, other] = [await openStore(factory), await openStore(factory)];
      for (const person of [alice, bob]) await store.createName(rowOf(await recordOf(person)));
      await store.putAddress(addressOf(alice, 1, "a", NOW_SECONDS + 10));
      await store.putAddress(addressOf(bob, 1, "b", NOW_SECONDS + 20));
      expect(await store.expireAddresses(NOW_SECONDS + 9)).toBe(0);
      const expired = await Promise.all([store, other].map((one) => one.expireAddresses(NOW_SECONDS + 10)));
      expect(expired.sort()).toEqual([0, 1]);
      expect(await transitions(other)).toEqual(["+alice", "+bob", "-alice"]);
      expect(await onlineIn(other)).toEqual(["bob"]);
      await other.putAddress(addressOf(alice, 2, "a", NOW_SECONDS + 30));
      expect(await transitions(store)).toEqual(["+alice", "+bob", "-alice", "+alice"]);
    });

    test("does not begin with an address that has ended, nor with one that is refused", async () => {
      const store = await storeWith(alice);
      await store.putAddress(addressOf(alice, 5, "late", NOW_SECONDS));
      await expectError(store.putAddress(addressOf(alice, 4)), "RECORD_CONFLICT");
      expect(await transitions(store)).toEqual([]);
      expect(await onlineIn(store)).toEqual([]);
    });

    test("ends for a device that its name no longer lists, online or not", async () => {
      const store = await storeWith(alice, bob);
      await store.putAddress(addressOf(alice, 1));
      for (const person of [alice, bob]) {
        const first = await recordOf(person);
        const moved = personOf(person.username, { device: `${person.username} new device` });
        await store.replaceRecord(rowOf(await recordOf(moved, { previous: first })), first.hash);
      }
      expect(await store.listTransitions(0, 100)).toMatchObject([
        { device: alice.device, online: true },
        { device: alice.device, online: false },
      ]);
      expect(await onlineIn(store)).toEqual([]);
    });

    test("is not forgotten with an address before its end was told, and gives no id twice", async () => {
      const store = await storeWith(alice);
      await store.putAddress(addressOf(alice, 1, "a", NOW_SECONDS + 10));
      const { newest } = await store.readPresence();
      const past = {
        assertions: 0,
        addresses: NOW_SECONDS + 11,
        mailboxes: 0,
        relays: 0,
        claims: 0,
        transitions: 0,
        allowances: 0,
      };
      await store.forgetExpired(past);
      expect(await transitions(store)).toEqual(["+alice", "-alice"]);
      expect(await onlineIn(store)).toEqual([]);
      await store.forgetExpired({ ...past, transitions: NOW_SECONDS + 3600 });
      expect(await transitions(store)).toEqual([]);
      await store.putAddress(addressOf(alice, 2));
      expect((await store.readPresence()).newest).toBeGreaterThan(newest + 1);
    });
  });
}
