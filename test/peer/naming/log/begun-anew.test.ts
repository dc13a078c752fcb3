import { describe, expect, test } from "vitest";
import { rawPublicKey } from "../../../../shared/ed25519.ts";
import { ChatError } from "../../../../shared/errors.ts";
import { expectError } from "../../../support/expect-error.ts";
import { syncedKeyLog as synced } from "../../../support/key-log.ts";
import { naiveRoot } from "../../../support/merkle.ts";
import { keyOf, personOf } from "../../../support/people.ts";
import { leavesOf, SignedLog } from "../../../support/signed-log.ts";

const bob = personOf("bob");

describe("a log that is begun anew under another key", () => {
  /** What the server shows after it was put back from a backup. */
  function restored(source: SignedLog): SignedLog {
    const anew = new SignedLog(leavesOf(2), "new log key");
    source.checkpoint = () => anew.checkpoint();
    source.key = () => anew.key();
    source.leaves = anew.leaves;
    return anew;
  }

  test("is refused until somebody accepts that key, and then followed from nothing", async () => {
    const { source, log, forks } = await synced();
    const anew = restored(source);
    await expectError(log.sync(), "LOG_INVALID", "key");
    const { pinned, shown } = await log.keys();
    expect([pinned, shown]).toEqual([keyOf("log key"), keyOf("new log key")].map(rawPublicKey));
    expect(log.status().size).toBe(3);
    await log.restart(shown);
    expect(log.status()).toMatchObject({ size: 2, root: naiveRoot(anew.leaves), forked: false });
    await log.sync();
    expect(forks).toEqual([]);
  });

  test("is not accepted where the server shows a third key by then", async () => {
    const { source, log, store } = await synced();
    restored(source);
    const head = store.log.head();
    await expectError(log.restart(rawPublicKey(keyOf("third"))), "KEY_CHANGED");
    expect(store.log.head()).toEqual(head);
  });

  test("is not followed where it is no log, and what was verified before stays", async () => {
    const { source, log, store } = await synced();
    const anew = restored(source);
    const before = { head: store.log.head(), roots: log.agrees(3, log.status().root) };
    source.lies.entries = () => leavesOf(2, "other");
    await expectError(log.restart(rawPublicKey(keyOf("new log key"))), "LOG_INVALID", "root");
    source.failure = new ChatError("SERVER_UNREACHABLE", "down");
    source.key = () => anew.key();
    source.checkpoint = () => Promise.reject(source.failure);
    await expectError(log.restart(rawPublicKey(keyOf("new log key"))), "SERVER_UNREACHABLE");
    expect({ head: store.log.head(), roots: log.agrees(3, log.status().root) }).toEqual(before);
  });

  test("is of the accepted key and no other, whatever the server shows a moment later", async () => {
    const { source, log, store } = await synced();
    const anew = restored(source);
    const { shown } = await log.keys();
    let asked = 0;
    source.key = () => {
      asked += 1;
      return (asked === 1 ? anew : new SignedLog([], "third")).key();
    };
    await log.restart(shown);
    expect(store.log.head()?.verifier).toBe(await anew.key());
  });

  test("is not overwritten by what was asked of the old one", async () => {
    const { source, log, store } = await synced();
    const leaves = [...source.leaves, ...leavesOf(1, "late")];
    const old = source.fork(leaves).noteAt();
    const [asked, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<readonly Uint8Array[]>()];
    source.checkpoint = async () => old;
    source.entries = () => {
      asked.resolve();
      return answer.promise;
    };
    const following = expectError(log.sync(), "LOG_INVALID", "key");
    await asked.promise;
    const anew = restored(source);
    source.entries = async (start) => anew.leaves.slice(start);
    await log.restart((await log.keys()).shown);
    answer.resolve(leaves.slice(3));
    await following;
    expect(store.log.head()?.verifier).toBe(await anew.key());
    expect(log.status()).toMatchObject({ size: 2, root: naiveRoot(anew.leaves), forked: false });
  });

  test("forgets what was proven of the old one", async () => {
    const { source, log, store } = await synced();
    await log.compare(source.fork(leavesOf(3, "other")).noteAt(), bob.username).catch(() => {});
    expect(log.status().forked).toBe(true);
    restored(source);
    await log.restart((await log.keys()).shown);
    expect(log.status().forked).toBe(false);
    expect(store.log.evidence()).toEqual([]);
  });
});
