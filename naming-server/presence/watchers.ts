import type { ServerResponse } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { DeviceId } from "../../shared/device-id.ts";
import { ChatError } from "../../shared/errors.ts";
import type { SignedIn } from "../access-tokens.ts";
import { SERVER_LIMITS } from "../limits.ts";
import { encodeEvent } from "./event-stream.ts";

/** Why a stream ends: the token's time is over, the name lists the device no more, a newer stream, a stop. */
export type Ending = "token" | "device" | "replaced" | "stopping";

export type Watcher = { readonly res: ServerResponse; readonly caller: SignedIn; readonly phase: number };

/**
 * The open streams. Each belongs to one of the phases in which they get the whole list, so that the work is spread. What
 * is written to many is one buffer; whoever does not read it is cut off, not waited for.
 */
export class Watchers {
  readonly #capacity: number;
  readonly #phases: readonly Set<Watcher>[];
  readonly #byDevice = new Map<DeviceId, Watcher[]>();
  #size = 0;

  constructor({ capacity, phases }: { capacity: number; phases: number }) {
    this.#capacity = capacity;
    this.#phases = Array.from({ length: phases }, () => new Set());
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Of one device's streams the oldest makes place: it may be the rest of a connection that died.
   *
   * @throws ChatError SERVER_BUSY
   */
  admit(res: ServerResponse, caller: SignedIn): void {
    const own = this.#byDevice.get(caller.device) ?? [];
    const [oldest] = own;
    if (oldest !== undefined && own.length >= SERVER_LIMITS.watchersPerDevice) this.end(oldest, "replaced");
    if (this.#size >= this.#capacity) throw new ChatError("SERVER_BUSY", "too many watch who is online");
    const watcher = { res, caller, phase: this.#emptiestPhase() };
    this.#phases[watcher.phase]?.add(watcher);
    this.#byDevice.set(caller.device, [...(this.#byDevice.get(caller.device) ?? []), watcher]);
    this.#size += 1;
    res.once("close", () => this.#remove(watcher));
  }

  inPhase(phase: number): readonly Watcher[] {
    return [...(this.#phases[phase % this.#phases.length] ?? [])];
  }

  /**
   * To the socket itself: the response, whose body has no frames, would only cork it for each single buffer. It has none
   * while an earlier request on its connection is answered.
   */
  write({ res }: Watcher, bytes: Buffer): void {
    if (res.writableEnded || res.destroyed) return;
    if (res.writableLength > SERVER_LIMITS.watcherMaxBacklogBytes) res.destroy();
    else (res.socket ?? res).write(bytes);
  }

  /** To everybody, in slices that leave room for other work. */
  async broadcast(bytes: Buffer): Promise<void> {
    let count = 0;
    for (const phase of this.#phases) {
      for (const watcher of [...phase]) {
        this.write(watcher, bytes);
        count += 1;
        if (count % SERVER_LIMITS.broadcastSlice === 0) await nextTurn();
      }
    }
  }

  end(watcher: Watcher, reason: Ending): void {
    this.write(watcher, encodeEvent("end", { reason }));
    watcher.res.end();
    this.#remove(watcher);
  }

  endAll(reason: Ending): void {
    for (const phase of this.#phases) for (const watcher of [...phase]) this.end(watcher, reason);
  }

  #remove(watcher: Watcher): void {
    if (this.#phases[watcher.phase]?.delete(watcher) !== true) return;
    const { device } = watcher.caller;
    const others = (this.#byDevice.get(device) ?? []).filter((other) => other !== watcher);
    if (others.length === 0) this.#byDevice.delete(device);
    else this.#byDevice.set(device, others);
    this.#size -= 1;
  }

  #emptiestPhase(): number {
    let best = 0;
    this.#phases.forEach(({ size }, phase) => {
      if (size < (this.#phases[best]?.size ?? 0)) best = phase;
    });
    return best;
  }
}
