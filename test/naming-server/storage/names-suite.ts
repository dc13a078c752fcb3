import { describe, expect, test } from "vitest";
import type { RecordRow } from "../../../naming-server/storage/store.ts";
import { expectError } from "../../support/expect-error.ts";
import { chainOf, NOW_SECONDS, personOf, recordOf, rotate } from "../../support/people.ts";
import { rowOf } from "../../support/record-row.ts";
import { addressOf, type StoreUnderTest } from "../../support/store-under-test.ts";

const alice = personOf("alice");
const bob = personOf("bob");

/** What every store must do for names and who owns them. */
export function describeNames({ engine, createFactory, openStore, storeWith }: StoreUnderTest): void {
  describe(`names in ${engine}`, () => {
    test("come back with their record and devices", async () => {
      const store = await storeWith(alice);
      const record = await recordOf(alice);
      await store.sequenceRecords("one");
      expect(await store.findName(alice.username)).toEqual({
        seq: 1,
        hash: record.hash,
        record: record.jws.text,
        devices: [{ device: alice.device, address: undefined }],
        logIndex: 0,
      });
      expect(await store.findName(bob.username)).toBeUndefined();
    });

    test("that another instance writes show in a number", async () => {
      const factory = createFactory();
      const [store, other] = [await openStore(factory), await openStore(factory)];
      const before = await store.foreignWrites();
      expect(await store.foreignWrites()).toBe(before);
      await other.createName(rowOf(await recordOf(alice)));
      const after = await store.foreignWrites();
      expect(after).not.toBe(before);
      expect(await store.foreignWrites()).toBe(after);
    });

    test("are claimed once, and again by the same bytes", async () => {
      const store = await openStore();
      const row = rowOf(await recordOf(alice));
      expect(await store.createName(row)).toBe("created");
      expect(await store.createName(row)).toBe("repeated");
      expect(await store.listRecords(alice.username, 0, 10)).toHaveLength(1);
    });

    test("go to exactly one of fifty who claim them at once", async () => {
      const store = await openStore();
      const rivals = Array.from({ length: 50 }, (_, index) =>
        personOf("alice", { identity: `rival ${index}`, device: `rival device ${index}` }),
      );
      const rows = await Promise.all(rivals.map(async (rival) => rowOf(await recordOf(rival))));
      const outcomes = await Promise.allSettled(rows.map((row) => store.createName(row)));
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      const refusals = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason.code] : []));
      expect(new Set(refusals)).toEqual(new Set(["USERNAME_TAKEN"]));
      expect(await store.listRecords(alice.username, 0, 10)).toHaveLength(1);
    });

    test.each([
      ["a name that is taken", personOf("alice", { identity: "x", device: "y" }), "USERNAME_TAKEN", undefined],
      ["a name that looks like another", personOf("a1ice"), "USERNAME_CONFUSABLE", undefined],
      ["an identity key in use", personOf("carol", { identity: "alice identity" }), "KEY_IN_USE", "identity"],
      ["a device key in use", personOf("carol", { device: "alice device" }), "KEY_IN_USE", "device"],
    ] as const)("refuse %s and stay as they were", async (_what, newcomer, code, reason) => {
      const store = await storeWith(alice);
      const before = await store.findName(alice.username);
      await expectError(store.createName(rowOf(await recordOf(newcomer))), code, reason);
      expect(await store.findName(alice.username)).toEqual(before);
      if (newcomer.username !== alice.username) expect(await store.findName(newcomer.username)).toBeUndefined();
    });

    test("follow their newest record only", async () => {
      const store = await openStore();
      const [first, second, third] = (await chainOf(alice, 3)).map(rowOf) as [RecordRow, RecordRow, RecordRow];
      await store.createName(first);
      expect(await store.replaceRecord(second, first.hash)).toBe("replaced");
      expect(await store.replaceRecord(second, first.hash)).toBe("repeated");
      await expectError(store.replaceRecord({ ...third, hash: "other" }, first.hash), "RECORD_CONFLICT");
      expect(await store.findName(alice.username)).toMatchObject({ seq: 2, hash: second.hash });
      expect(await store.listRecords(alice.username, 0, 10)).toEqual(
        [first, second].map(({ seq, hash, record }) => ({ seq, hash, record })),
      );
      expect(await store.listRecords(alice.username, 1, 10)).toHaveLength(1);
      expect(await store.listRecords(bob.username, 0, 10)).toBeUndefined();
    });

    test("take one of two updates that come at once", async () => {
      const store = await openStore();
      const first = await recordOf(alice);
      await store.createName(rowOf(first));
      const rivals = await Promise.all(
        [1, 2].map((iat) => recordOf(alice, { previous: first, iat: NOW_SECONDS + iat })),
      );
      const outcomes = await Promise.allSettled(rivals.map((rival) => store.replaceRecord(rowOf(rival), first.hash)));
      expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
      expect(await store.listRecords(alice.username, 0, 10)).toHaveLength(2);
    });

    test("do not rotate to an identity key or a device that another name uses", async () => {
      const store = await storeWith(alice, bob);
      const first = await recordOf(alice);
      const toBobsKey = await rotate(alice, first, personOf("alice", { identity: "bob identity" }));
      await expectError(store.replaceRecord(rowOf(toBobsKey), first.hash), "KEY_IN_USE", "identity");
      const listsBob = await recordOf(alice, { previous: first, devices: [{ key: bob.deviceKey, addedAt: 1 }] });
      await expectError(store.replaceRecord(rowOf(listsBob), first.hash), "KEY_IN_USE", "device");
      expect(await store.findName(alice.username)).toMatchObject({ seq: 1, devices: [{ device: alice.device }] });
      expect(await store.findName(bob.username)).toMatchObject({ seq: 1, devices: [{ device: bob.device }] });
    });

    test("drop a device that is listed no more, with its address and key packages", async () => {
      const store = await storeWith(alice);
      const first = await recordOf(alice);
      await store.putAddress(addressOf(alice, 1));
      await store.addKeyPackages({ device: alice.device, keyPackages: [Buffer.of(1)], lastResort: Buffer.of(2) });
      const moved = personOf("alice", { device: "alice new device" });
      await store.replaceRecord(rowOf(await recordOf(moved, { previous: first })), first.hash);
      expect(await store.findName(alice.username)).toMatchObject({ devices: [{ device: moved.device }] });
      expect(await store.listOnline(NOW_SECONDS)).toEqual([]);
      expect(await store.claimKeyPackages(alice.username, NOW_SECONDS)).toEqual([]);
      await expectError(store.putAddress(addressOf(alice, 2)), "FORBIDDEN");
      await expectError(
        store.addKeyPackages({ device: alice.device, keyPackages: [], lastResort: undefined }),
        "FORBIDDEN",
      );
    });

    test("outlive a restart", async () => {
      const factory = createFactory();
      const before = await factory.open();
      await before.createName(rowOf(await recordOf(alice)));
      await before.close();
      const after = await openStore(factory);
      await after.ping();
      expect(await after.findName(alice.username)).toMatchObject({ seq: 1 });
    });
  });
}
