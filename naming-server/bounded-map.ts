/**
 * A map of at most `capacity` entries that forgets those not used of late. Two generations: what is used lives in the
 * recent one, and once that is full, everything older goes at a stroke. Moving each entry to the end of one map on every
 * use, the usual way, costs a rehash of the whole map every few thousand uses.
 */
export class BoundedMap<K, V> {
  readonly #generationSize: number;
  #recent = new Map<K, V>();
  #older = new Map<K, V>();

  constructor(capacity: number) {
    this.#generationSize = Math.max(1, Math.floor(capacity / 2));
  }

  get size(): number {
    return this.#recent.size + this.#older.size;
  }

  get(key: K): V | undefined {
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent;
    const older = this.#older.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: K, value: V): void {
    this.#older.delete(key);
    if (this.#recent.size >= this.#generationSize && !this.#recent.has(key)) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(key, value);
  }

  delete(key: K): void {
    this.#recent.delete(key);
    this.#older.delete(key);
  }
}
