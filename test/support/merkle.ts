import { EMPTY_ROOT, leafHash, nodeHash } from "../../shared/merkle.ts";
import { MerkleTree } from "../../shared/merkle-tree.ts";

/*
 * The definitions of RFC 6962 2.1, word for word and slow: what the quick ones are held against.
 */

export function treeOf(leaves: readonly Uint8Array[]): MerkleTree {
  const tree = new MerkleTree();
  for (const leaf of leaves) tree.append(leafHash(leaf));
  return tree;
}

/** MTH(D[n]) */
export function naiveRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const [only] = leaves;
  if (only === undefined) return EMPTY_ROOT;
  if (leaves.length === 1) return leafHash(only);
  const k = splitOf(leaves.length);
  return nodeHash(naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)));
}

/** PATH(m, D[n]) */
export function naiveInclusion(m: number, leaves: readonly Uint8Array[]): Uint8Array[] {
  if (leaves.length <= 1) return [];
  const k = splitOf(leaves.length);
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)];
  if (m < k) return [...naiveInclusion(m, left), naiveRoot(right)];
  return [...naiveInclusion(m - k, right), naiveRoot(left)];
}

/** PROOF(m, D[n]) */
export function naiveConsistency(m: number, leaves: readonly Uint8Array[]): Uint8Array[] {
  return subProof(m, leaves, true);
}

function subProof(m: number, leaves: readonly Uint8Array[], isWhole: boolean): Uint8Array[] {
  if (m === leaves.length) return isWhole ? [] : [naiveRoot(leaves)];
  const k = splitOf(leaves.length);
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)];
  if (m <= k) return [...subProof(m, left, isWhole), naiveRoot(right)];
  return [...subProof(m - k, right, false), naiveRoot(left)];
}

function splitOf(size: number): number {
  let k = 1;
  while (2 * k < size) k *= 2;
  return k;
}
