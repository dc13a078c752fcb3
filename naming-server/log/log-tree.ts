import { equalBytes } from "../../shared/bytes.ts";
import { ChatError } from "../../shared/errors.ts";
import { logLeafOf } from "../../shared/log-leaf.ts";
import { leafHash, rootOf, type Subtrees } from "../../shared/merkle.ts";
import { MerkleTree } from "../../shared/merkle-tree.ts";
import { SERVER_LIMITS } from "../limits.ts";
import type { CheckpointRow, LeafRow, Store } from "../storage/store.ts";

/** The tree over the leaves in the store. It is kept in memory and grows only by what is on disk. */
export class LogTree implements Subtrees {
  readonly #store: Pick<Store, "listLeaves">;
  readonly #tree = new MerkleTree();

  private constructor(store: Pick<Store, "listLeaves">) {
    this.#store = store;
  }

  /**
   * Reads all leaves.
   *
   * @throws ChatError STORE_CORRUPT where they are not those of the last checkpoint
   */
  static async open(store: Pick<Store, "listLeaves" | "readLog">): Promise<LogTree> {
    const tree = new LogTree(store);
    const { size, checkpoint } = await store.readLog();
    await tree.grow(size);
    if (checkpoint !== undefined) tree.check(checkpoint);
    return tree;
  }

  get size(): number {
    return this.#tree.size;
  }

  hashOf(level: number, index: number): Uint8Array {
    return this.#tree.hashOf(level, index);
  }

  /** @throws ChatError STORE_CORRUPT where a leaf is missing */
  async grow(size: number): Promise<void> {
    while (this.#tree.size < size) {
      const rows = await this.#store.listLeaves(this.#tree.size, SERVER_LIMITS.logReadEntries);
      if (rows.length === 0) throw missing();
      for (const { name, hash } of rows) this.#tree.append(leafHash(logLeafOf(name, hash)));
    }
  }

  /** Reads the leaves from `start` on again. @throws ChatError STORE_CORRUPT where the store has others by now */
  async compare(start: number): Promise<void> {
    for (let index = start; index < this.size; ) {
      const rows = await this.#store.listLeaves(index, Math.min(this.size - index, SERVER_LIMITS.logReadEntries));
      if (rows.length === 0) throw missing();
      for (const row of rows) {
        this.checkLeaf(index, row);
        index += 1;
      }
    }
  }

  /** @throws ChatError STORE_CORRUPT where the leaf is another one */
  checkLeaf(index: number, { name, hash }: LeafRow): void {
    if (equalBytes(this.hashOf(0, index), leafHash(logLeafOf(name, hash)))) return;
    throw new ChatError("STORE_CORRUPT", "the database has another entry of the log than it had");
  }

  /** @throws ChatError STORE_CORRUPT where the checkpoint is of another tree */
  check({ size, root }: CheckpointRow): void {
    if (size <= this.size && equalBytes(rootOf(this, size), root)) return;
    throw new ChatError("STORE_CORRUPT", "the log is not the one of its last checkpoint; restore it from a backup");
  }
}

function missing(): ChatError {
  return new ChatError("STORE_CORRUPT", "entries of the log are missing");
}
