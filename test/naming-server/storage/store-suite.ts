import { createHash } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import type { RecordRow, Store } from "../../../naming-server/storage/store.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { expectError } from "../../support/expect-error.ts";
import { chainOf, NOW_SECONDS, type Person, personOf, recordOf, rotate } from "../../support/people.ts";
import { rowOf } from "../../support/record-row.ts";

/** A database of its own for one test; `open` may be called again, for a restart or a second instance. */
export type StoreFactory = () => { open(): Promise<Store> };

const alice = personOf("alice");
const bob = personOf("bob");

/** What every store must do, whatever database it uses. */
export function describeStore(engine: string, createFactory: StoreFactory): void {
  async function openStore(factory = createFactory()): Promise<Store> {
    const store = await factory.open();
    onTestFinished(() => store.close());
    return store;
  }

  async function storeWith(...people: Person[]): Promise<Store> {
    const store = await openStore();
    for (const person of people) await store.createName(rowOf(await recordOf(person)));
    return store;
  }

  const addressOf = (person: Person, seq: number, record = `record ${seq}`, expires = NOW_SECONDS + 600) => ({
    name: person.username,
    device: person.device,
    seq,
    expires,
    record,
    at: NOW_SECONDS,
  });

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
      const past = { assertions: 0, addresses: NOW_SECONDS + 11, claims: 0, transitions: 0, allowances: 0 };
      await store.forgetExpired(past);
      expect(await transitions(store)).toEqual(["+alice", "-alice"]);
      expect(await onlineIn(store)).toEqual([]);
      await store.forgetExpired({ ...past, transitions: NOW_SECONDS + 3600 });
      expect(await transitions(store)).toEqual([]);
      await store.putAddress(addressOf(alice, 2));
      expect((await store.readPresence()).newest).toBeGreaterThan(newest + 1);
    });
  });

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

    test("take no room once they are full", async () => {
      const store = await openStore();
      await store.createName(await rowAt(alice), { draw: { ...draw, burst: 1 } });
      const past = { assertions: 0, addresses: 0, claims: 0, transitions: 0 };
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
      const past = { assertions: 0, addresses: 0, claims: 0, transitions: 0 };
      await store.forgetExpired({ ...past, allowances: invite.expires + 1 });
      await expectError(store.createName(rowOf(await recordOf(alice)), { invite: invite.hash }), "INVITE_INVALID");
    });
  });

  describe(`a restored database in ${engine}`, () => {
    test("says since when names may be lost, and keeps of key packages the last resorts alone", async () => {
      const factory = createFactory();
      const store = await openStore(factory);
      await store.createName({ ...rowOf(await recordOf(alice)), acceptedAt: NOW_SECONDS - 50 });
      await store.createName({ ...rowOf(await recordOf(bob)), acceptedAt: NOW_SECONDS - 70 });
      await store.putAddress(addressOf(alice, 5));
      await store.addKeyPackages({ device: alice.device, keyPackages: [Buffer.of(1)], lastResort: Buffer.of(2) });
      expect(await store.findRestoration()).toBeUndefined();
      await store.markRestored(NOW_SECONDS, NOW_SECONDS + 9);
      const other = await openStore(factory);
      expect(await other.findRestoration()).toEqual({ since: NOW_SECONDS - 50, until: NOW_SECONDS + 9 });
      expect((await store.claimKeyPackages(alice.username, NOW_SECONDS))?.map(({ lastResort }) => lastResort)).toEqual([
        true,
      ]);
      expect(await store.listOnline(NOW_SECONDS)).toEqual([]);
      expect((await store.readPresence()).online).toEqual([]);
      await store.putAddress(addressOf(alice, 6));
      await store.markRestored(NOW_SECONDS, NOW_SECONDS + 20);
      expect(await store.findRestoration()).toEqual({ since: NOW_SECONDS - 50, until: NOW_SECONDS + 20 });
    });

    test("that is empty may have lost every name", async () => {
      const store = await openStore();
      await store.markRestored(NOW_SECONDS, NOW_SECONDS + 9);
      expect(await store.findRestoration()).toEqual({ since: 0, until: NOW_SECONDS + 9 });
    });
  });

  describe(`assertions in ${engine}`, () => {
    const assertion = { sub: alice.username, jti: "0123456789abcdef", expires: NOW_SECONDS + 60 };

    test("are remembered by subject and id, after a restart and in a second instance too", async () => {
      const factory = createFactory();
      const first = await factory.open();
      await first.rememberAssertion(assertion);
      const second = await openStore(factory);
      await expectError(second.rememberAssertion(assertion), "TOKEN_REPLAYED");
      await first.close();
      const third = await openStore(factory);
      await expectError(third.rememberAssertion(assertion), "TOKEN_REPLAYED");
      await third.rememberAssertion({ ...assertion, sub: bob.username });
    });

    test("are taken once of fifty at once", async () => {
      const store = await openStore();
      const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => store.rememberAssertion(assertion)));
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    });

    test("are forgotten with everything else that expired, and nothing before", async () => {
      const store = await storeWith(alice);
      await store.rememberAssertion(assertion);
      await store.putAddress(addressOf(alice, 1));
      const past = {
        assertions: assertion.expires,
        addresses: NOW_SECONDS + 600,
        claims: NOW_SECONDS,
        transitions: 0,
        allowances: 0,
      };
      await store.forgetExpired(past);
      await expectError(store.rememberAssertion(assertion), "TOKEN_REPLAYED");
      expect(await store.listOnline(NOW_SECONDS)).toHaveLength(1);
      await store.forgetExpired({ ...past, assertions: past.assertions + 1, addresses: past.addresses + 1 });
      await store.rememberAssertion(assertion);
      expect(await store.listOnline(NOW_SECONDS)).toEqual([]);
    });
  });

  describe(`signing keys in ${engine}`, () => {
    test("are those of the first instance that adds a generation", async () => {
      const store = await openStore();
      await store.addSigningKey({ generation: 1, seed: Buffer.alloc(32, 1), activeFrom: 10 });
      await store.addSigningKey({ generation: 1, seed: Buffer.alloc(32, 2), activeFrom: 20 });
      await store.addSigningKey({ generation: 2, seed: Buffer.alloc(32, 3), activeFrom: 30 });
      const keys = await store.listSigningKeys();
      expect(keys.map(({ generation, activeFrom }) => ({ generation, activeFrom }))).toEqual([
        { generation: 1, activeFrom: 10 },
        { generation: 2, activeFrom: 30 },
      ]);
      expect(keys[0]?.seed).toEqual(new Uint8Array(32).fill(1));
      await store.deleteSigningKeysBefore(2);
      expect((await store.listSigningKeys()).map(({ generation }) => generation)).toEqual([2]);
    });
  });
}
