import { nodeHash, type Subtrees } from "./merkle.ts";

const HASH_BYTES = 32;
const HASHES_PER_PAGE = 1024;

/** All hashes of a tree that grows by its leaves, in memory: 64 bytes a leaf. */
export class MerkleTree implements Subtrees {
  /** Complete subtrees of `2^level` leaves, by level. */
  readonly #levels: HashList[] = [];

  get size(): number {
    return this.#levels[0]?.length ?? 0;
  }

  append(leafHash: Uint8Array): void {
    let hash = leafHash;
    for (let level = 0; ; level += 1) {
      const hashes = this.#levels[level] ?? new HashList();
      this.#levels[level] = hashes;
      hashes.push(hash);
      if (hashes.length % 2 === 1) return;
      hash = nodeHash(hashes.at(hashes.length - 2), hash);
    }
  }

  hashOf(level: number, index: number): Uint8Array {
    const hashes = this.#levels[level];
    if (hashes === undefined || index >= hashes.length) throw new RangeError("the tree has not grown that far");
    return hashes.at(index);
  }
}

/** Hashes side by side in pages: an array of a million small buffers would take four times the memory. */
class HashList {
  readonly #pages: Uint8Array[] = [];
  length = 0;

  push(hash: Uint8Array): void {
    const offset = this.length % HASHES_PER_PAGE;
    if (offset === 0) this.#pages.push(new Uint8Array(HASHES_PER_PAGE * HASH_BYTES));
    this.#pages.at(-1)?.set(hash, offset * HASH_BYTES);
    this.length += 1;
  }

  at(index: number): Uint8Array {
    const start = (index % HASHES_PER_PAGE) * HASH_BYTES;
    const page = this.#pages[Math.floor(index / HASHES_PER_PAGE)];
    if (page === undefined) throw new RangeError("no such hash");
    return page.subarray(start, start + HASH_BYTES);
  }
}
