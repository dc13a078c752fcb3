import { hex } from "../../shared/bytes.ts";
import type { Runtime } from "./runtime.ts";
import type { Store } from "./store.ts";

/** Lets callers wait until a message is stored or has failed. */
export class OutboxWatch {
  readonly #store: Store;
  readonly #runtime: Runtime;
  readonly #waiting = new Map<string, Set<() => void>>();
  #ended = false;

  constructor(store: Store, runtime: Runtime) {
    this.#store = store;
    this.#runtime = runtime;
  }

  /** Rows of those messages changed. */
  changed(messageIds: readonly Uint8Array[]): void {
    for (const messageId of messageIds) {
      const waiting = this.#waiting.get(hex(messageId));
      if (waiting === undefined || !this.#isSettled(messageId)) continue;
      for (const finish of [...waiting]) finish();
    }
  }

  /** Nothing is delivered here any more: nobody needs to wait. */
  end(): void {
    this.#ended = true;
    for (const waiting of [...this.#waiting.values()]) for (const finish of [...waiting]) finish();
  }

  /** Resolves when the message is settled, after `timeoutMs`, or once there is nothing to wait for. */
  settled(messageId: Uint8Array, timeoutMs: number): Promise<void> {
    if (this.#ended || timeoutMs <= 0 || this.#isSettled(messageId)) return Promise.resolve();
    const key = hex(messageId);
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting);
    return new Promise((resolve) => {
      const finish = () => {
        cancel();
        waiting.delete(finish);
        if (waiting.size === 0) this.#waiting.delete(key);
        resolve();
      };
      const cancel = this.#runtime.after(timeoutMs, finish);
      waiting.add(finish);
    });
  }

  #isSettled(messageId: Uint8Array): boolean {
    return this.#store.outbox.stateOf(messageId) !== "queued";
  }
}
