import { hex } from "../../../shared/bytes.ts";
import type { Runtime } from "../runtime.ts";
import type { Lane } from "../store/inbox.ts";
import type { Store } from "../store.ts";

/** How long a message waits for the ones before it. */
export const GAP_WAIT_MS = 5000;

/**
 * Makes visible what has nothing missing before it; to be called in the transaction that stored something.
 *
 * @param waited  up to this number the wait is over: what is held shows now, and the gaps before it with it
 * @returns whether there is anything new to see
 */
export function releaseReady(store: Store, lane: Lane, waited = 0): boolean {
  const { inbox } = store;
  let isSeen = false;
  const before = inbox.mark(lane) ?? 0;
  let high = before;
  for (let seq = inbox.nextHeld(lane, 0); seq !== undefined; seq = inbox.nextHeld(lane, seq)) {
    const missing = Math.max(0, seq - high - 1);
    if (missing > 0 && seq > waited) break;
    isSeen = inbox.release(lane, seq, missing) || isSeen;
    high = Math.max(high, seq);
  }
  if (high > before) inbox.setMark(lane, high);
  return isSeen;
}

/** At that monotonic time, everything held up to that number has waited long enough. */
type Wait = { readonly upTo: number; readonly overAtMs: number };
/** A lane that holds messages back, and until when, in the order of time and numbers. */
type HeldLane = { readonly lane: Lane; readonly waits: Wait[]; cancel: () => void };

export type GapTimersDeps = {
  readonly store: Store;
  readonly runtime: Runtime;
  readonly show: () => void;
  readonly failed: (error: unknown) => void;
};

/** Waits out the gaps: one timer for each lane that holds messages back. */
export class GapTimers {
  readonly #deps: GapTimersDeps;
  readonly #held = new Map<string, HeldLane>();

  constructor(deps: GapTimersDeps) {
    this.#deps = deps;
  }

  /** After each delivery, for its lanes; after a restart, for all. */
  refresh(lanes: readonly Lane[] = this.#deps.store.inbox.heldLanes()): void {
    for (const lane of lanes) this.#look(lane);
  }

  stop(): void {
    for (const { cancel } of this.#held.values()) cancel();
    this.#held.clear();
  }

  #look(lane: Lane): void {
    const key = keyOf(lane);
    const upTo = this.#deps.store.inbox.lastHeld(lane);
    const known = this.#held.get(key);
    if (upTo === undefined) {
      known?.cancel();
      this.#held.delete(key);
      return;
    }
    const held = known ?? { lane, waits: [], cancel: () => undefined };
    this.#held.set(key, held);
    // What came since and stands before the last shows with it.
    if (upTo <= (held.waits.at(-1)?.upTo ?? 0)) return;
    held.waits.push({ upTo, overAtMs: this.#deps.runtime.monotonic() + GAP_WAIT_MS });
    if (held.waits.length === 1) this.#arm(held);
  }

  #arm(held: HeldLane): void {
    const { runtime } = this.#deps;
    const [next] = held.waits;
    if (next === undefined) this.#held.delete(keyOf(held.lane));
    else held.cancel = runtime.after(Math.max(0, next.overAtMs - runtime.monotonic()), () => this.#giveUp(held, next));
  }

  /** Where the disk does not allow it, the messages wait once more. */
  #giveUp(held: HeldLane, { upTo }: Wait): void {
    const { store, runtime, show, failed } = this.#deps;
    held.waits.shift();
    try {
      store.transaction(() => releaseReady(store, held.lane, upTo));
      show();
    } catch (error) {
      failed(error);
      held.waits.unshift({ upTo, overAtMs: runtime.monotonic() + GAP_WAIT_MS });
    }
    this.#arm(held);
  }
}

function keyOf({ device, incarnation, conversation }: Lane): string {
  return [device, hex(incarnation), hex(conversation)].join("/");
}
