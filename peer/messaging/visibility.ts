import type { Runtime } from "./runtime.ts";
import type { Lane, Store, VisibleMessage } from "./store.ts";

/** How long a message waits for the ones before it. */
export const GAP_WAIT_MS = 5000;

export type Released = { readonly lane: Lane; readonly message: VisibleMessage };

/**
 * Makes visible what has nothing missing before it; to be called in the transaction that stored something.
 *
 * @param pastGap  the wait is over: the first held message shows now, and the gap before it with it
 */
export function releaseReady(store: Store, lane: Lane, pastGap = false): Released[] {
  const released: Released[] = [];
  let high = store.inbox.mark(lane)?.high ?? 0;
  let mayPass = pastGap;
  for (const seq of store.inbox.held(lane)) {
    if (seq > high + 1 && !mayPass) break;
    if (seq > high + 1) mayPass = false;
    const gapBefore = Math.max(0, seq - high - 1);
    const { readable, ...message } = store.inbox.release(lane, seq, gapBefore);
    if (readable) released.push({ lane, message });
    if (seq > high) {
      high = seq;
      store.inbox.setMark(lane, { high, link: store.inbox.linkAt(lane, seq) ?? null });
    }
  }
  return released;
}

/** Waits out the gaps: one timer for each lane that holds messages back. */
export class GapTimers {
  readonly #store: Store;
  readonly #runtime: Runtime;
  readonly #show: (released: readonly Released[]) => void;
  readonly #cancels = new Map<string, () => void>();

  constructor(deps: { store: Store; runtime: Runtime; show: (released: readonly Released[]) => void }) {
    this.#store = deps.store;
    this.#runtime = deps.runtime;
    this.#show = deps.show;
  }

  /** After a restart, and after each delivery: starts the timers of lanes that hold something, stops the others. */
  refresh(): void {
    const waiting = new Map(this.#store.inbox.heldLanes().map((lane) => [keyOf(lane), lane]));
    for (const [key, cancel] of this.#cancels) {
      if (waiting.has(key)) continue;
      cancel();
      this.#cancels.delete(key);
    }
    for (const [key, lane] of waiting) {
      if (!this.#cancels.has(key))
        this.#cancels.set(
          key,
          this.#runtime.after(GAP_WAIT_MS, () => this.#giveUp(key, lane)),
        );
    }
  }

  stop(): void {
    for (const cancel of this.#cancels.values()) cancel();
    this.#cancels.clear();
  }

  #giveUp(key: string, lane: Lane): void {
    this.#cancels.delete(key);
    this.#show(this.#store.transaction(() => releaseReady(this.#store, lane, true)));
    this.refresh();
  }
}

function keyOf({ device, incarnation, conversation }: Lane): string {
  return [device, Buffer.from(incarnation).toString("hex"), Buffer.from(conversation).toString("hex")].join("/");
}
