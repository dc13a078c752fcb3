import { concat } from "../../../shared/bytes.ts";
import { LOG_LABEL_BYTES, LOG_LEAF_BYTES } from "../../../shared/log-leaf.ts";
import { leafHash, rootOf, type Subtrees } from "../../../shared/merkle.ts";
import { MerkleTree } from "../../../shared/merkle-tree.ts";
import type { LogStore } from "../../messaging/store/log.ts";

const CHUNK_LEVEL = 10;
const CHUNK_LEAVES = 2 ** CHUNK_LEVEL;

/** A record's place, and the hash of the record, 32 bytes. */
export type ReplicaLeaf = { readonly index: number; readonly recordHash: Uint8Array };

type Chunk = { readonly n: number; readonly leaves: Uint8Array; readonly root: Uint8Array | undefined };

/** The replica as it would be with more leaves; nothing is kept yet. */
export type Continuation = {
  readonly size: number;
  readonly root: Uint8Array;
  readonly chunks: readonly Chunk[];
};

/**
 * All leaves of the log, kept in chunks of 1024: 64 bytes for each record that the server ever accepted. The roots of whole
 * chunks are kept beside them, so that the root of any earlier size costs one chunk's hashes and not the log's.
 */
export class LogReplica {
  readonly #store: LogStore;
  #size: number;
  /** Over the roots of the complete chunks. */
  #chunkTree: MerkleTree;
  /** The chunk that was looked at last. */
  #looked: { readonly n: number; readonly size: number; readonly tree: MerkleTree } | undefined;

  constructor(store: LogStore) {
    this.#store = store;
    this.#size = store.head()?.size ?? 0;
    this.#chunkTree = treeOver(store.chunkRoots());
  }

  get size(): number {
    return this.#size;
  }

  /** The root over the first `size` leaves, at most as many as there are. */
  rootAt(size: number): Uint8Array {
    return rootOf(this.#subtrees(), size);
  }

  /** What the log holds of a label, oldest first. */
  leavesOf(label: Uint8Array, from = 0): ReplicaLeaf[] {
    const found: ReplicaLeaf[] = [];
    for (let n = Math.floor(from / CHUNK_LEAVES); n * CHUNK_LEAVES < this.#size; n += 1) {
      for (const leaf of findInChunk(this.#chunk(n), label)) {
        const index = n * CHUNK_LEAVES + leaf.index;
        if (index >= from && index < this.#size) found.push({ ...leaf, index });
      }
    }
    return found;
  }

  /** Adds leaves, side by side, behind those that are there, or behind the first `from` of them. */
  continueWith(leaves: Uint8Array, from = this.#size): Continuation {
    const first = Math.floor(from / CHUNK_LEAVES);
    const tail = this.#chunk(first).subarray(0, (from % CHUNK_LEAVES) * LOG_LEAF_BYTES);
    const bytes = concat(tail, leaves);
    const chunks: Chunk[] = [];
    const chunkTree = treeOver(this.#store.chunkRoots().slice(0, first));
    let last = new MerkleTree();
    for (let offset = 0; offset < bytes.length; offset += CHUNK_LEAVES * LOG_LEAF_BYTES) {
      const part = bytes.slice(offset, offset + CHUNK_LEAVES * LOG_LEAF_BYTES);
      last = treeOfLeaves(part);
      const root = last.size === CHUNK_LEAVES ? last.hashOf(CHUNK_LEVEL, 0) : undefined;
      if (root !== undefined) chunkTree.append(root);
      chunks.push({ n: first + chunks.length, leaves: part, root });
    }
    const size = from + leaves.length / LOG_LEAF_BYTES;
    const subtrees = { hashOf: (level: number, index: number) => hashIn(chunkTree, () => last, level, index) };
    return { size, root: rootOf(subtrees, size), chunks };
  }

  /** Writes a continuation; in a transaction, with the head that vouches for it. */
  keep({ chunks }: Continuation): void {
    for (const { n, leaves, root } of chunks) this.#store.saveChunk(n, leaves, root);
  }

  /** Goes on from what the store holds now. */
  reload(): void {
    this.#size = this.#store.head()?.size ?? 0;
    this.#chunkTree = treeOver(this.#store.chunkRoots());
    this.#looked = undefined;
  }

  #subtrees(): Subtrees {
    const inChunk = (n: number) => this.#treeOf(n);
    return { hashOf: (level, index) => hashIn(this.#chunkTree, inChunk, level, index) };
  }

  #treeOf(n: number): MerkleTree {
    if (this.#looked?.n === n) return this.#looked.tree;
    const tree = treeOfLeaves(this.#chunk(n));
    this.#looked = { n, size: tree.size, tree };
    return tree;
  }

  #chunk(n: number): Uint8Array {
    return this.#store.chunk(n) ?? new Uint8Array();
  }
}

function hashIn(chunkTree: MerkleTree, chunk: (n: number) => MerkleTree, level: number, index: number): Uint8Array {
  if (level >= CHUNK_LEVEL) return chunkTree.hashOf(level - CHUNK_LEVEL, index);
  const perChunk = 2 ** (CHUNK_LEVEL - level);
  return chunk(Math.floor(index / perChunk)).hashOf(level, index % perChunk);
}

function treeOver(hashes: readonly Uint8Array[]): MerkleTree {
  const tree = new MerkleTree();
  for (const hash of hashes) tree.append(hash);
  return tree;
}

/** @param leaves  side by side */
export function treeOfLeaves(leaves: Uint8Array): MerkleTree {
  const tree = new MerkleTree();
  for (let offset = 0; offset < leaves.length; offset += LOG_LEAF_BYTES) {
    tree.append(leafHash(leaves.subarray(offset, offset + LOG_LEAF_BYTES)));
  }
  return tree;
}

/** A label that begins inside a leaf is a coincidence. */
function* findInChunk(chunk: Uint8Array, label: Uint8Array): Generator<ReplicaLeaf> {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  for (let at = bytes.indexOf(label); at >= 0; at = bytes.indexOf(label, at + 1)) {
    if (at % LOG_LEAF_BYTES !== 0) continue;
    const recordHash = new Uint8Array(bytes.subarray(at + LOG_LABEL_BYTES, at + LOG_LEAF_BYTES));
    yield { index: at / LOG_LEAF_BYTES, recordHash };
  }
}
