import type { Runtime } from "./runtime.ts";
import type { OutboxRow, OutboxState, Store } from "./store.ts";

/** What became of a message as a whole: one device that has it is enough; a tombstone counts as failed. */
export function overallState(rows: readonly OutboxRow[]): OutboxState {
  const states = rows.map((row) => (row.tombstone ? "failed" : row.state));
  if (states.includes("stored")) return "stored";
  return states.includes("queued") ? "queued" : "failed";
}

/** Lets callers wait until a message is stored or has failed. */
export class OutboxWatch {
  readonly #store: Store;
  readonly #runtime: Runtime;
  readonly #waiting = new Set<() => void>();

  constructor(store: Store, runtime: Runtime) {
    this.#store = store;
    this.#runtime = runtime;
  }

  /** Some row changed. */
  changed(): void {
    for (const look of this.#waiting) look();
  }

  /** Resolves when the message is settled, or after `timeoutMs`. */
  settled(messageId: Uint8Array, timeoutMs: number): Promise<void> {
    const isSettled = () => overallState(this.#store.outbox.ofMessage(messageId)) !== "queued";
    if (timeoutMs <= 0 || isSettled()) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = () => {
        cancel();
        this.#waiting.delete(look);
        resolve();
      };
      const look = () => {
        if (isSettled()) finish();
      };
      const cancel = this.#runtime.after(timeoutMs, finish);
      this.#waiting.add(look);
    });
  }
}
