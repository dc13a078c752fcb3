import fc from "fast-check";
import { expect, test } from "vitest";
import { LogReplica } from "../../../../peer/naming/log/log-replica.ts";
import { concat } from "../../../../shared/bytes.ts";
import { naiveRoot } from "../../../support/merkle.ts";
import { openedStore } from "../../../support/opened-store.ts";
import { leavesOf } from "../../../support/signed-log.ts";

/** A replica that believes what it is given. */
function credulous() {
  const store = openedStore();
  const replica = new LogReplica(store.log);
  const add = (leaves: readonly Uint8Array[]) => {
    const continuation = replica.continueWith(concat(...leaves));
    store.transaction(() => {
      replica.keep(continuation);
      store.log.saveHead({ verifier: "", note: "", size: continuation.size, verifiedAtMs: 0 });
    });
    replica.reload();
    return continuation;
  };
  return { store, replica, add };
}

test("has the root of every size, however the leaves came in", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 1500 }), { minLength: 1, maxLength: 4 }), (steps) => {
      const { replica, add, store } = credulous();
      const all: Uint8Array[] = [];
      for (const step of steps) {
        const leaves = leavesOf(step, `step ${all.length}`);
        all.push(...leaves);
        expect(add(leaves).root).toEqual(naiveRoot(all));
      }
      for (const size of new Set([0, 1, all.length - 1, all.length, Math.floor(all.length / 2), 1024, 1025])) {
        if (size < 0 || size > all.length) continue;
        expect(replica.rootAt(size)).toEqual(naiveRoot(all.slice(0, size)));
        expect(new LogReplica(store.log).rootAt(size)).toEqual(naiveRoot(all.slice(0, size)));
      }
    }),
    { numRuns: 8 },
  );
});

test("finds every record of a label, across chunks and nowhere between leaves", () => {
  const { replica, add } = credulous();
  const leaves = leavesOf(2100);
  const label = new Uint8Array(32).fill(9);
  for (const index of [3, 1023, 1024, 2099]) leaves[index] = Buffer.concat([label, Buffer.alloc(32, index % 251)]);
  leaves[500] = Buffer.concat([Buffer.alloc(16, 1), label, Buffer.alloc(16, 1)]);
  add(leaves);
  expect(replica.leavesOf(label).map(({ index }) => index)).toEqual([3, 1023, 1024, 2099]);
  expect(replica.leavesOf(label, 1024).map(({ index }) => index)).toEqual([1024, 2099]);
  expect(replica.leavesOf(label)[0]?.recordHash).toEqual(new Uint8Array(32).fill(3));
});

test("a continuation that is not kept changes nothing", () => {
  const { replica, add, store } = credulous();
  add(leavesOf(1000));
  replica.continueWith(concat(...leavesOf(100, "other")));
  expect(replica.size).toBe(1000);
  expect(replica.rootAt(1000)).toEqual(naiveRoot(leavesOf(1000)));
  expect(store.log.chunk(0)).toHaveLength(64_000);
});
