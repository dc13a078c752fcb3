import { equalBytes } from "./bytes.ts";
import { sha256 } from "./hash.ts";

/*
 * The Merkle tree of RFC 6962 2.1 (the same in RFC 9162 2.1) over SHA-256. Hashes are 32 bytes; sizes and indexes are
 * whole numbers from 0 to 2^53 - 1. PROTOCOL.md 7.
 */

export const EMPTY_ROOT: Uint8Array = sha256(new Uint8Array());

/** SHA-256(0x00 || leaf) */
export function leafHash(leaf: Uint8Array): Uint8Array {
  const input = new Uint8Array(leaf.length + 1);
  input.set(leaf, 1);
  return sha256(input);
}

/** SHA-256(0x01 || left || right) */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  const input = new Uint8Array(1 + left.length + right.length);
  input[0] = 1;
  input.set(left, 1);
  input.set(right, 1 + left.length);
  return sha256(input);
}

/** The hashes that every tree with these leaves shares, whatever its size. */
export interface Subtrees {
  /** The root over the leaves `index * 2^level` to `(index + 1) * 2^level - 1`, all of which are there. */
  hashOf(level: number, index: number): Uint8Array;
}

/** The root of the tree over the first `size` leaves. */
export function rootOf(tree: Subtrees, size: number): Uint8Array {
  return size === 0 ? EMPTY_ROOT : rangeHash(tree, 0, size);
}

/** Proof that leaf `index` is in the tree of the first `size` leaves, `index < size`. RFC 6962 2.1.1. */
export function inclusionProof(tree: Subtrees, index: number, size: number): Uint8Array[] {
  const proof: Uint8Array[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      proof.push(rangeHash(tree, middle, end));
      end = middle;
    } else {
      proof.push(rangeHash(tree, start, middle));
      start = middle;
    }
  }
  return proof.reverse();
}

/** Proof that the tree of the first `to` leaves continues that of the first `from`, `from <= to`. RFC 6962 2.1.2. */
export function consistencyProof(tree: Subtrees, from: number, to: number): Uint8Array[] {
  if (from === 0 || from === to) return [];
  const proof: Uint8Array[] = [];
  let [start, end] = [0, to];
  while (end !== from) {
    const middle = start + splitOf(end - start);
    if (from <= middle) {
      proof.push(rangeHash(tree, middle, end));
      end = middle;
    } else {
      proof.push(rangeHash(tree, start, middle));
      start = middle;
    }
  }
  if (start > 0) proof.push(rangeHash(tree, start, end));
  return proof.reverse();
}

type Inclusion = {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Uint8Array;
  readonly proof: readonly Uint8Array[];
};

/** The root that an inclusion proof leads to; undefined where no tree of that size has such a proof. RFC 9162 2.1.3.2. */
export function rootOfInclusion({ index, size, leafHash: leaf, proof }: Inclusion): Uint8Array | undefined {
  if (index >= size) return undefined;
  let [node, last, hash] = [index, size - 1, leaf];
  for (const sibling of proof) {
    if (last === 0) return undefined;
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 ? hash : undefined;
}

export function isIncluded(inclusion: Inclusion, root: Uint8Array): boolean {
  const found = rootOfInclusion(inclusion);
  return found !== undefined && equalBytes(found, root);
}

type Head = { readonly size: number; readonly root: Uint8Array };

/** True where the proof shows that the later tree begins with the earlier one. RFC 9162 2.1.4.2. */
export function isConsistent(earlier: Head, later: Head, proof: readonly Uint8Array[]): boolean {
  if (earlier.size > later.size) return false;
  if (earlier.size === later.size) return proof.length === 0 && equalBytes(earlier.root, later.root);
  if (earlier.size === 0) return proof.length === 0 && equalBytes(earlier.root, EMPTY_ROOT);
  let [node, last] = [earlier.size - 1, later.size - 1];
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  const [first, ...rest] = node === 0 ? [earlier.root, ...proof] : proof;
  if (first === undefined) return false;
  let [was, is] = [first, first];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      [was, is] = [nodeHash(sibling, was), nodeHash(sibling, is)];
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      is = nodeHash(is, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && equalBytes(was, earlier.root) && equalBytes(is, later.root);
}

/** Bitwise operators would cut the numbers to 32 bits. */
const half = (value: number) => Math.floor(value / 2);

/** The largest power of two below `size`, `size > 1`: where RFC 6962 splits a tree. */
function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

/** The root over leaves `start` to `end - 1`, where `start` is a multiple of the next power of two from `end - start`. */
function rangeHash(tree: Subtrees, start: number, end: number): Uint8Array {
  const size = end - start;
  const level = Math.log2(size);
  if (Number.isInteger(level)) return tree.hashOf(level, start / size);
  const known = edgeOf(tree, end);
  let hash = known.get(start);
  if (hash === undefined) {
    const middle = start + splitOf(size);
    hash = nodeHash(rangeHash(tree, start, middle), rangeHash(tree, middle, end));
    known.set(start, hash);
  }
  return hash;
}

type Edge = { readonly end: number; readonly hashes: Map<number, Uint8Array> };

const edges = new WeakMap<Subtrees, Edge>();

/** What is not a whole subtree lies at the tree's right edge, and is the same in the proofs of all leaves: by start. */
function edgeOf(tree: Subtrees, end: number): Map<number, Uint8Array> {
  const edge = edges.get(tree);
  if (edge?.end === end) return edge.hashes;
  const hashes = new Map<number, Uint8Array>();
  edges.set(tree, { end, hashes });
  return hashes;
}
