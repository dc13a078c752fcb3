/**
 * A map of at most `capacity` entries, or so much weight, that forgets those not used of late. Two generations: what is
 * used lives in the recent one, and once that is full, everything older goes at a stroke. Moving each entry to the end of
 * one map on every use, the usual way, costs a rehash of the whole map every few thousand uses.
 */
export class BoundedMap<K, V> {
  readonly #generationSize: number;
  readonly #weigh: (value: V) => number;
  #recent = new Map<K, V>();
  #recentWeight = 0;
  #older = new Map<K, V>();

  /** @param weigh  what an entry counts towards `capacity`; 1 unless told otherwise */
  constructor(capacity: number, weigh: (value: V) => number = () => 1) {
    this.#generationSize = Math.max(1, Math.floor(capacity / 2));
    this.#weigh = weigh;
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
    const weight = this.#weigh(value);
    this.delete(key);
    if (this.#recent.size > 0 && this.#recentWeight + weight > this.#generationSize) {
      this.#older = this.#recent;
      this.#recent = new Map();
      this.#recentWeight = 0;
    }
    this.#recent.set(key, value);
    this.#recentWeight += weight;
  }

  delete(key: K): void {
    const recent = this.#recent.get(key);
    if (recent !== undefined) this.#recentWeight -= this.#weigh(recent);
    this.#recent.delete(key);
    this.#older.delete(key);
  }
}
