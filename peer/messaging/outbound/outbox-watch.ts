import { hex } from "../../../shared/bytes.ts";
import type { Runtime } from "../runtime.ts";
import type { OutboxState } from "../store/outbox.ts";
import type { Store } from "../store.ts";

/** How far a message is to come, if it does not fail first. */
export type Goal = "relayed" | "stored" | "displayed";

const STEPS: readonly OutboxState[] = ["queued", "relayed", "stored", "displayed"];

type Waiter = { readonly goal: Goal; readonly finish: () => void };

/** Lets callers wait until a message is where they want it, or has failed. */
export class OutboxWatch {
  readonly #store: Store;
  readonly #runtime: Runtime;
  readonly #waiting = new Map<string, Set<Waiter>>();
  #ended = false;

  constructor(store: Store, runtime: Runtime) {
    this.#store = store;
    this.#runtime = runtime;
  }

  /** Rows of those messages changed. */
  changed(messageIds: readonly Uint8Array[]): void {
    for (const messageId of messageIds) {
      for (const { goal, finish } of [...(this.#waiting.get(hex(messageId)) ?? [])]) {
        if (this.#isSettled(messageId, goal)) finish();
      }
    }
  }

  /** Nothing is delivered here any more: nobody needs to wait. */
  end(): void {
    this.#ended = true;
    for (const waiting of [...this.#waiting.values()]) for (const { finish } of [...waiting]) finish();
  }

  /** Resolves when the message has come so far, after `timeoutMs`, or once there is nothing to wait for. */
  settled(messageId: Uint8Array, goal: Goal, timeoutMs: number): Promise<void> {
    if (this.#ended || timeoutMs <= 0 || this.#isSettled(messageId, goal)) return Promise.resolve();
    const key = hex(messageId);
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting);
    return new Promise((resolve) => {
      const finish = () => {
        cancel();
        waiting.delete(waiter);
        if (waiting.size === 0) this.#waiting.delete(key);
        resolve();
      };
      const cancel = this.#runtime.after(timeoutMs, finish);
      const waiter = { goal, finish };
      waiting.add(waiter);
    });
  }

  #isSettled(messageId: Uint8Array, goal: Goal): boolean {
    const state = this.#store.outbox.stateOf(messageId);
    return state === "failed" || STEPS.indexOf(state) >= STEPS.indexOf(goal);
  }
}
