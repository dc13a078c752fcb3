import { expect, test } from "vitest";
import { leafHash, rootOf } from "../../shared/merkle.ts";
import { MerkleTree } from "../../shared/merkle-tree.ts";
import { naiveRoot, treeOf } from "../support/merkle.ts";

const leavesOf = (count: number) => Array.from({ length: count }, (_, index) => Buffer.from(`leaf ${index}`));

test("a tree over several pages of hashes has the root of its definition", () => {
  const leaves = leavesOf(2500);
  const tree = treeOf(leaves);
  expect(tree.size).toBe(2500);
  for (const size of [1, 1023, 1024, 1025, 2048, 2500]) {
    expect(rootOf(tree, size)).toEqual(naiveRoot(leaves.slice(0, size)));
  }
});

test("what is handed out does not change as the tree grows", () => {
  const tree = treeOf(leavesOf(3));
  const hash = Uint8Array.from(tree.hashOf(1, 0));
  for (const leaf of leavesOf(2000)) tree.append(leafHash(leaf));
  expect(tree.hashOf(1, 0)).toEqual(hash);
});

test("a subtree that is not complete has no hash", () => {
  const tree = treeOf(leavesOf(3));
  expect(() => tree.hashOf(1, 1)).toThrow(RangeError);
  expect(() => tree.hashOf(2, 0)).toThrow(RangeError);
  expect(() => new MerkleTree().hashOf(0, 0)).toThrow(RangeError);
  expect(() => rootOf(tree, 4)).toThrow(RangeError);
});
