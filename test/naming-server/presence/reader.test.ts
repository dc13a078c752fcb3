import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { SERVER_LIMITS } from "../../../naming-server/limits.ts";
import { PresenceReader } from "../../../naming-server/presence/reader.ts";
import { openSqliteStore } from "../../../naming-server/storage/sqlite-store.ts";
import type { Store, Transition } from "../../../naming-server/storage/store.ts";
import { NOW_MS, NOW_SECONDS, type Person, personOf, recordOf } from "../../support/people.ts";
import { rowOf } from "../../support/record-row.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const alice = personOf("alice");
const bob = personOf("bob");

/** A reader over a real store, and a second instance's store. `hide` keeps transitions back, as open transactions do. */
async function start() {
  const path = join(temporaryDirectory(), "naming.db");
  const [store, foreign] = [openSqliteStore(path), openSqliteStore(path)];
  onTestFinished(() => store.close());
  onTestFinished(() => foreign.close());
  for (const person of [alice, bob]) await store.createName(rowOf(await recordOf(person)));
  const clock = { nowMs: NOW_MS, monotonicMs: 0 };
  const hidden = { test: (_row: Transition) => false };
  const seen: Pick<Store, "expireAddresses" | "readPresence" | "listTransitions"> = {
    expireAddresses: (at) => store.expireAddresses(at),
    readPresence: () => store.readPresence(),
    listTransitions: async (after, limit) =>
      (await store.listTransitions(after, limit)).filter((row) => !hidden.test(row)),
  };
  const reader = new PresenceReader({ store: seen, now: () => clock.nowMs, monotonic: () => clock.monotonicMs });
  let seq = 0;
  const publish = (by: Store, { username: name, device }: Person) => {
    seq += 1;
    return by.putAddress({ name, device, seq, expires: NOW_SECONDS + 55, record: `${seq}`, at: NOW_SECONDS });
  };
  return { store, foreign, clock, hidden, reader, publish };
}

const words = (changes: Awaited<ReturnType<PresenceReader["poll"]>>) =>
  changes.map(({ name, online }) => `${online ? "+" : "-"}${name}`);

describe("a reader of presence", () => {
  test("begins with who is online", async () => {
    const { store, reader, publish } = await start();
    await publish(store, alice);
    expect(words(await reader.poll())).toEqual(["+alice"]);
  });

  test("sees what either instance wrote", async () => {
    const { store, foreign, reader, publish } = await start();
    await reader.poll();
    await publish(store, alice);
    await publish(foreign, bob);
    expect(words(await reader.readNew())).toEqual(["+alice", "+bob"]);
    await foreign.deleteAddress(alice.device, NOW_SECONDS);
    expect(words(await reader.poll())).toEqual(["-alice"]);
  });

  test("finds who went without a word, to the second", async () => {
    const { store, clock, reader, publish } = await start();
    await publish(store, alice);
    await reader.poll();
    clock.nowMs += 55_000 - 1;
    expect(await reader.poll()).toEqual([]);
    clock.nowMs += 1;
    expect(words(await reader.poll())).toEqual(["-alice"]);
  });

  test("takes in a transition that appears after higher ones, for as long as that may be", async () => {
    const { store, clock, hidden, reader, publish } = await start();
    await reader.poll();
    hidden.test = ({ name }) => name === alice.username;
    await publish(store, alice);
    await publish(store, bob);
    expect(words(await reader.readNew())).toEqual(["+bob"]);
    expect(await reader.poll()).toEqual([]);
    clock.monotonicMs += SERVER_LIMITS.presenceOverlapMs - 1;
    hidden.test = () => false;
    expect(await reader.readNew()).toEqual([]);
    expect(words(await reader.poll())).toEqual(["+alice"]);
  });

  test("puts right within a minute what it missed for good", async () => {
    const { store, clock, hidden, reader, publish } = await start();
    await reader.poll();
    hidden.test = ({ name }) => name === alice.username;
    await publish(store, alice);
    clock.monotonicMs += SERVER_LIMITS.presenceResyncEveryMs - 1;
    expect(await reader.poll()).toEqual([]);
    clock.monotonicMs += 1;
    expect(words(await reader.poll())).toEqual(["+alice"]);
  });

  test("reads as many pages as there are", async () => {
    const { store, reader, publish } = await start();
    await reader.poll();
    for (let count = 0; count < SERVER_LIMITS.presencePageRows / 2; count += 1) {
      await Promise.all([publish(store, alice), store.deleteAddress(alice.device, NOW_SECONDS)]);
    }
    await publish(store, bob);
    expect(words(await reader.poll())).toEqual(["+bob"]);
    expect(reader.roster.newest).toBe(SERVER_LIMITS.presencePageRows + 1);
  });
});
