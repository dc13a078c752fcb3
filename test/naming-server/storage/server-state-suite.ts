import { describe, expect, test } from "vitest";
import { expectError } from "../../support/expect-error.ts";
import { NOW_SECONDS, personOf, recordOf } from "../../support/people.ts";
import { rowOf } from "../../support/record-row.ts";
import { addressOf, type StoreUnderTest } from "../../support/store-under-test.ts";

const alice = personOf("alice");
const bob = personOf("bob");

/** What every store must do for what a server knows of itself and of the tokens it gave. */
export function describeServerState({ engine, createFactory, openStore, storeWith }: StoreUnderTest): void {
  describe(`a restored database in ${engine}`, () => {
    test("says since when names may be lost, and keeps of key packages the last resorts alone", async () => {
      const factory = createFactory();
      const store = await openStore(factory);
      await store.createName({ ...rowOf(await recordOf(alice)), acceptedAt: NOW_SECONDS - 50 });
      await store.createName({ ...rowOf(await recordOf(bob)), acceptedAt: NOW_SECONDS - 70 });
      await store.putAddress(addressOf(alice, 5));
      await store.addKeyPackages({ device: alice.device, keyPackages: [Buffer.of(1)], lastResort: Buffer.of(2) });
      expect(await store.findRestoration()).toBeUndefined();
      await store.markRestored({ at: NOW_SECONDS, until: NOW_SECONDS + 9, logSeed: new Uint8Array(32).fill(2) });
      const other = await openStore(factory);
      expect(await other.findRestoration()).toEqual({ since: NOW_SECONDS - 50, until: NOW_SECONDS + 9 });
      expect((await store.claimKeyPackages(alice.username, NOW_SECONDS))?.map(({ lastResort }) => lastResort)).toEqual([
        true,
      ]);
      expect(await store.listOnline(NOW_SECONDS)).toEqual([]);
      expect((await store.readPresence()).online).toEqual([]);
      await store.putAddress(addressOf(alice, 6));
      await store.markRestored({ at: NOW_SECONDS, until: NOW_SECONDS + 20, logSeed: new Uint8Array(32).fill(2) });
      expect(await store.findRestoration()).toEqual({ since: NOW_SECONDS - 50, until: NOW_SECONDS + 20 });
    });

    test("goes on with its log under another key, and under no checkpoint of the old one", async () => {
      const store = await openStore();
      await store.createName(rowOf(await recordOf(alice)));
      await store.sequenceRecords("one");
      const oldSeed = await store.keepLogSeed(new Uint8Array(32).fill(1));
      const checkpoint = { size: 1, root: new Uint8Array(32), time: NOW_SECONDS, note: "note" };
      await store.saveCheckpoint(checkpoint, undefined, oldSeed);
      const logSeed = new Uint8Array(32).fill(2);
      await store.markRestored({ at: NOW_SECONDS, until: NOW_SECONDS + 9, logSeed });
      expect(await store.saveCheckpoint(checkpoint, undefined, oldSeed)).toBe(false);
      expect(await store.readLog()).toEqual({ size: 1, checkpoint: undefined });
      expect(new Uint8Array(await store.keepLogSeed(new Uint8Array(32).fill(3)))).toEqual(logSeed);
    });

    test("that is empty may have lost every name", async () => {
      const store = await openStore();
      await store.markRestored({ at: NOW_SECONDS, until: NOW_SECONDS + 9, logSeed: new Uint8Array(32).fill(2) });
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
        mailboxes: 0,
        relays: 0,
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
