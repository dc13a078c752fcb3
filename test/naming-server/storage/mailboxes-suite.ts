import { describe, expect, test } from "vitest";
import { expectError } from "../../support/expect-error.ts";
import { NOW_SECONDS, type Person, personOf, recordOf } from "../../support/people.ts";
import { rowOf } from "../../support/record-row.ts";
import { addressOf, NOTHING_YET, type StoreUnderTest } from "../../support/store-under-test.ts";

const alice = personOf("alice");
const bob = personOf("bob");

const mailboxOf = (person: Person, seq: number, record = `mailbox ${seq}`, isWithdrawn = false) => ({
  ...addressOf(person, seq, record),
  isWithdrawn,
});

/** What every store must do for mailbox records. */
export function describeMailboxes({ engine, createFactory, openStore, storeWith }: StoreUnderTest): void {
  describe(`mailboxes in ${engine}`, () => {
    test("rise in sequence; the same bytes may come again", async () => {
      const store = await storeWith(alice);
      await store.putMailbox(mailboxOf(alice, 5));
      await store.putMailbox(mailboxOf(alice, 5));
      await expectError(store.putMailbox(mailboxOf(alice, 5, "other bytes")), "RECORD_CONFLICT");
      await expectError(store.putMailbox(mailboxOf(alice, 4)), "RECORD_CONFLICT");
      expect((await store.findName(alice.username))?.devices).toEqual([
        { device: alice.device, address: undefined, mailbox: { record: "mailbox 5", expires: NOW_SECONDS + 600 } },
      ]);
    });

    test("stand beside addresses, and each keeps its own sequence", async () => {
      const store = await storeWith(alice);
      await store.putAddress(addressOf(alice, 9));
      await store.putMailbox(mailboxOf(alice, 1));
      await store.putAddress(addressOf(alice, 10));
      const [device] = (await store.findName(alice.username))?.devices ?? [];
      expect([device?.address?.record, device?.mailbox?.record]).toEqual(["record 10", "mailbox 1"]);
    });

    test("are not shown once withdrawn, and do not come back", async () => {
      const store = await storeWith(alice);
      await store.putMailbox(mailboxOf(alice, 5));
      await store.putMailbox(mailboxOf(alice, 6, "none", true));
      await store.putMailbox(mailboxOf(alice, 6, "none", true));
      await expectError(store.putMailbox(mailboxOf(alice, 5)), "RECORD_CONFLICT");
      expect((await store.findName(alice.username))?.devices[0]?.mailbox).toBeUndefined();
      await store.putMailbox(mailboxOf(alice, 7));
      expect((await store.findName(alice.username))?.devices[0]?.mailbox?.record).toBe("mailbox 7");
    });

    test("belong to the name that lists the device", async () => {
      const store = await storeWith(alice, bob);
      await expectError(store.putMailbox({ ...mailboxOf(alice, 1), name: bob.username }), "FORBIDDEN");
      for (const { username } of [alice, bob]) {
        expect((await store.findName(username))?.devices[0]?.mailbox).toBeUndefined();
      }
    });

    test("are no presence", async () => {
      const store = await storeWith(alice);
      await store.putMailbox(mailboxOf(alice, 1));
      expect(await store.listOnline(NOW_SECONDS)).toEqual([]);
      expect(await store.listTransitions(0, 10)).toEqual([]);
    });

    test("go with a device that its name no longer lists, sequence and all", async () => {
      const store = await storeWith(alice);
      await store.putMailbox(mailboxOf(alice, 5));
      const first = await recordOf(alice);
      const second = await recordOf(personOf("alice", { device: "another device" }), { previous: first });
      await store.replaceRecord(rowOf(second), first.hash);
      const third = await recordOf(alice, { previous: second });
      await store.replaceRecord(rowOf(third), second.hash);
      expect((await store.findName(alice.username))?.devices[0]?.mailbox).toBeUndefined();
      await store.putMailbox(mailboxOf(alice, 1));
    });

    test("are forgotten after their end and not before, and no older one comes back then", async () => {
      const store = await storeWith(alice, bob);
      await store.putMailbox(mailboxOf(alice, 5));
      await store.putMailbox(mailboxOf(bob, 5, "none", true));
      const mailboxes = NOW_SECONDS + 600;
      await store.forgetExpired({ ...NOTHING_YET, mailboxes });
      expect((await store.findName(alice.username))?.devices[0]?.mailbox?.record).toBe("mailbox 5");
      await store.forgetExpired({ ...NOTHING_YET, mailboxes: mailboxes + 1 });
      for (const person of [alice, bob]) {
        expect((await store.findName(person.username))?.devices[0]?.mailbox).toBeUndefined();
        await expectError(store.putMailbox(mailboxOf(person, 5)), "RECORD_CONFLICT");
        await store.putMailbox(mailboxOf(person, 6));
      }
    });

    test("of one instance show as a write to another, and are there after a restart", async () => {
      const factory = createFactory();
      const first = await openStore(factory);
      await first.createName(rowOf(await recordOf(alice)));
      const second = await factory.open();
      const before = await second.foreignWrites();
      await first.putMailbox(mailboxOf(alice, 1));
      expect(await second.foreignWrites()).not.toBe(before);
      await second.close();
      const third = await openStore(factory);
      expect((await third.findName(alice.username))?.devices[0]?.mailbox?.record).toBe("mailbox 1");
    });

    test("end with one of fifty at once: the highest", async () => {
      const store = await storeWith(alice);
      const seqs = Array.from({ length: 50 }, (_, index) => index + 1);
      await Promise.allSettled(seqs.map((seq) => store.putMailbox(mailboxOf(alice, seq))));
      expect((await store.findName(alice.username))?.devices[0]?.mailbox?.record).toBe("mailbox 50");
    });
  });
}
