import { hex } from "../../shared/bytes.ts";
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
  const before = store.inbox.mark(lane) ?? 0;
  let high = before;
  let mayPass = pastGap;
  for (const seq of store.inbox.held(lane)) {
    const missing = Math.max(0, seq - high - 1);
    if (missing > 0 && !mayPass) break;
    if (missing > 0) mayPass = false;
    const message = store.inbox.release(lane, seq, missing);
    if (message.readable || missing > 0) released.push({ lane, message });
    high = Math.max(high, seq);
  }
  if (high > before) store.inbox.setMark(lane, high);
  return released;
}

type Waiting = { readonly firstHeld: number; readonly cancel: () => void };

export type GapTimersDeps = {
  readonly store: Store;
  readonly runtime: Runtime;
  readonly show: (released: readonly Released[]) => void;
  readonly failed: (error: unknown) => void;
};

/** Waits out the gaps: one timer for the first message that a lane holds back. */
export class GapTimers {
  readonly #deps: GapTimersDeps;
  readonly #waiting = new Map<string, Waiting>();

  constructor(deps: GapTimersDeps) {
    this.#deps = deps;
  }

  /** After a restart, and after each delivery: every gap has its own wait, none inherits that of a gap that was filled. */
  refresh(): void {
    const { inbox } = this.#deps.store;
    const held = new Map(inbox.heldLanes().map((lane) => [keyOf(lane), { lane, first: inbox.held(lane)[0] }]));
    for (const [key, { firstHeld, cancel }] of this.#waiting) {
      if (held.get(key)?.first === firstHeld) continue;
      cancel();
      this.#waiting.delete(key);
    }
    for (const [key, { lane, first }] of held) {
      if (first !== undefined && !this.#waiting.has(key)) this.#wait(key, lane, first);
    }
  }

  stop(): void {
    for (const { cancel } of this.#waiting.values()) cancel();
    this.#waiting.clear();
  }

  #wait(key: string, lane: Lane, firstHeld: number): void {
    const cancel = this.#deps.runtime.after(GAP_WAIT_MS, () => this.#giveUp(key, lane, firstHeld));
    this.#waiting.set(key, { firstHeld, cancel });
  }

  /** Where the disk does not allow it, the message waits once more. */
  #giveUp(key: string, lane: Lane, firstHeld: number): void {
    const { store, show, failed } = this.#deps;
    this.#waiting.delete(key);
    try {
      show(store.transaction(() => releaseReady(store, lane, true)));
      this.refresh();
    } catch (error) {
      failed(error);
      this.#wait(key, lane, firstHeld);
    }
  }
}

function keyOf({ device, incarnation, conversation }: Lane): string {
  return [device, hex(incarnation), hex(conversation)].join("/");
}
