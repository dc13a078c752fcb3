import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { RecordRow } from "../../../naming-server/storage/store.ts";
import { expectError } from "../../support/expect-error.ts";
import { chainOf, NOW_SECONDS, type Person, personOf, recordOf } from "../../support/people.ts";
import { rowOf } from "../../support/record-row.ts";
import type { StoreUnderTest } from "../../support/store-under-test.ts";

const alice = personOf("alice");
const bob = personOf("bob");

/** What every store must do for allowances and invites. */
export function describeAdmission({ engine, createFactory, openStore, storeWith }: StoreUnderTest): void {
  describe(`allowances in ${engine}`, () => {
    const draw = { kind: "registration", subject: "192.0.2.7", burst: 2, everySeconds: 100 } as const;
    const carol = personOf("carol");
    const rowAt = async (person: Person, acceptedAt = NOW_SECONDS) => ({
      ...rowOf(await recordOf(person)),
      acceptedAt,
    });

    test("are drawn with a name, come back with time, and say when", async () => {
      const store = await openStore();
      await store.createName(await rowAt(alice), { draw });
      await store.createName(await rowAt(bob), { draw });
      const error = await expectError(store.createName(await rowAt(carol, NOW_SECONDS + 30), { draw }), "RATE_LIMITED");
      expect(error.details).toEqual({ retryAfterSeconds: 70 });
      expect(await store.findName(carol.username)).toBeUndefined();
      await store.createName(await rowAt(carol, NOW_SECONDS + 100), { draw });
    });

    test("are whole again where they were drawn while the clock was ahead", async () => {
      const store = await openStore();
      for (const person of [alice, bob]) await store.createName(await rowAt(person, NOW_SECONDS + 86_400), { draw });
      await store.createName(await rowAt(carol), { draw });
      await store.createName(await rowAt(personOf("dave")), { draw });
      const erin = await rowAt(personOf("erin"), NOW_SECONDS + 99);
      await expectError(store.createName(erin, { draw }), "RATE_LIMITED");
    });

    test("are not drawn by what is refused or repeated, and are each subject's and kind's own", async () => {
      const store = await openStore();
      const once = { ...draw, burst: 1 };
      await store.createName(await rowAt(alice), { draw: once });
      expect(await store.createName(await rowAt(alice), { draw: once })).toBe("repeated");
      const other = { ...once, subject: "198.51.100.1" };
      const thief = personOf("alice", { identity: "x", device: "y" });
      await expectError(store.createName(await rowAt(thief), { draw: other }), "USERNAME_TAKEN");
      await store.createName(await rowAt(bob), { draw: other });
      await store.createName(await rowAt(carol), { draw: { ...once, kind: "update" } });
    });

    test("are counted for all instances together", async () => {
      const factory = createFactory();
      const [one, two] = [await openStore(factory), await openStore(factory)];
      const people = Array.from({ length: 10 }, (_, index) => personOf(`p${"abcdefghjk"[index]}rson`));
      const rows = await Promise.all(people.map((person) => rowAt(person)));
      const outcomes = await Promise.allSettled(
        rows.map((row, index) => (index % 2 === 0 ? one : two).createName(row, { draw: { ...draw, burst: 4 } })),
      );
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(4);
    });

    test("hold back later records of a name that has had too many", async () => {
      const store = await openStore();
      const [first, second, third] = (await chainOf(alice, 3)).map(rowOf) as [RecordRow, RecordRow, RecordRow];
      const update = { ...draw, kind: "update", subject: "alice", burst: 1 } as const;
      await store.createName(first);
      await store.replaceRecord(second, first.hash, update);
      expect(await store.replaceRecord(second, first.hash, update)).toBe("repeated");
      await expectError(store.replaceRecord(third, second.hash, update), "RATE_LIMITED");
      expect(await store.findName(alice.username)).toMatchObject({ seq: 2 });
    });

    test("keep one from taking all key packages of another, who stays reachable by the last resort", async () => {
      const store = await storeWith(alice);
      const claimBy = async (subject: string, at = NOW_SECONDS) =>
        (await store.claimKeyPackages(alice.username, at, { ...draw, kind: "claim", subject }))?.map(
          ({ lastResort }) => lastResort,
        );
      const keyPackages = [1, 2, 3, 4, 5].map((byte) => Buffer.of(byte));
      await store.addKeyPackages({ device: alice.device, keyPackages, lastResort: undefined });
      expect([await claimBy("mallory"), await claimBy("mallory")]).toEqual([[false], [false]]);
      await expectError(claimBy("mallory"), "RATE_LIMITED");
      await store.addKeyPackages({ device: alice.device, keyPackages: [], lastResort: Buffer.of(9) });
      expect(await claimBy("mallory")).toEqual([true]);
      expect(await claimBy("bob")).toEqual([false]);
      expect(await claimBy("mallory", NOW_SECONDS + 100)).toEqual([false]);
    });

    test("are not drawn for names that nobody has", async () => {
      const store = await openStore();
      const claim = () =>
        store.claimKeyPackages(alice.username, NOW_SECONDS, { ...draw, burst: 1, kind: "claim", subject: "mallory" });
      for (let count = 0; count < 3; count += 1) expect(await claim()).toBeUndefined();
      await store.createName(await rowAt(alice));
      await store.addKeyPackages({ device: alice.device, keyPackages: [Buffer.of(1)], lastResort: undefined });
      expect(await claim()).toMatchObject([{ lastResort: false }]);
    });

    test("take no room once they are full", async () => {
      const store = await openStore();
      await store.createName(await rowAt(alice), { draw: { ...draw, burst: 1 } });
      const past = { assertions: 0, addresses: 0, mailboxes: 0, relays: 0, claims: 0, transitions: 0 };
      await store.forgetExpired({ ...past, allowances: NOW_SECONDS + 100 });
      await expectError(store.createName(await rowAt(bob), { draw: { ...draw, burst: 1 } }), "RATE_LIMITED");
      await store.forgetExpired({ ...past, allowances: NOW_SECONDS + 101 });
      await store.createName(await rowAt(bob), { draw: { ...draw, burst: 1 } });
    });
  });

  describe(`invites in ${engine}`, () => {
    const hash = (text: string) => new Uint8Array(createHash("sha256").update(text).digest());
    const invite = { hash: hash("code"), uses: 2, expires: NOW_SECONDS + 60 };
    const carol = personOf("carol");

    test("are good for as many names as they say; the same bytes again cost none", async () => {
      const store = await openStore();
      await store.addInvite(invite);
      const row = rowOf(await recordOf(alice));
      await store.createName(row, { invite: invite.hash });
      expect(await store.createName(row, { invite: invite.hash })).toBe("repeated");
      await store.createName(rowOf(await recordOf(bob)), { invite: invite.hash });
      await expectError(store.createName(rowOf(await recordOf(carol)), { invite: invite.hash }), "INVITE_INVALID");
      expect(await store.findName(carol.username)).toBeUndefined();
      await store.sequenceRecords("one");
      expect(await store.listLeaves(0, 10)).toHaveLength(2);
    });

    test("that are unknown or expired are good for none", async () => {
      const store = await openStore();
      await store.addInvite(invite);
      await expectError(store.createName(rowOf(await recordOf(alice)), { invite: hash("other") }), "INVITE_INVALID");
      const late = { ...rowOf(await recordOf(alice)), acceptedAt: invite.expires };
      await expectError(store.createName(late, { invite: invite.hash }), "INVITE_INVALID");
      expect(await store.findName(alice.username)).toBeUndefined();
    });

    test("are not used up by a name that is refused", async () => {
      const store = await storeWith(alice);
      await store.addInvite({ ...invite, uses: 1 });
      const thief = personOf("alice", { identity: "x", device: "y" });
      await expectError(store.createName(rowOf(await recordOf(thief)), { invite: invite.hash }), "USERNAME_TAKEN");
      await store.createName(rowOf(await recordOf(bob)), { invite: invite.hash });
    });

    test("of one use go to one of many who use them at once", async () => {
      const store = await openStore();
      await store.addInvite({ ...invite, uses: 1 });
      const people = Array.from({ length: 10 }, (_, index) => personOf(`p${"abcdefghjk"[index]}rson`));
      const rows = await Promise.all(people.map(async (person) => rowOf(await recordOf(person))));
      const outcomes = await Promise.allSettled(rows.map((row) => store.createName(row, { invite: invite.hash })));
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    });

    test("are forgotten once they have expired", async () => {
      const store = await openStore();
      await store.addInvite(invite);
      const past = { assertions: 0, addresses: 0, mailboxes: 0, relays: 0, claims: 0, transitions: 0 };
      await store.forgetExpired({ ...past, allowances: invite.expires + 1 });
      await expectError(store.createName(rowOf(await recordOf(alice)), { invite: invite.hash }), "INVITE_INVALID");
    });
  });
}
