import type { Runtime } from "../../messaging/runtime.ts";
import { within } from "../waiting.ts";

type Options<T> = {
  readonly dial: (address: string, signal: AbortSignal) => Promise<T>;
  readonly runtime: Pick<Runtime, "after">;
  readonly timeoutMs: number;
};

type Flight<T> = { readonly result: Promise<T>; readonly stop: AbortController; waiting: number; isOver: boolean };

/**
 * One dial to an address at a time, for all who want it. It ends unfinished once nobody waits for it any more; the
 * connection that comes of it belongs to none of them, so no caller's signal can end that.
 */
export class SharedDials<T> {
  readonly #options: Options<T>;
  readonly #flying = new Map<string, Flight<T>>();

  constructor(options: Options<T>) {
    this.#options = options;
  }

  /** @throws the signal's reason, ChatError TIMED_OUT, or why the dial failed */
  async to(address: string, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const flight = this.#flying.get(address) ?? this.#start(address);
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(signal.reason);
    signal.addEventListener("abort", onAbort);
    flight.waiting += 1;
    try {
      return await Promise.race([flight.result, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
      flight.waiting -= 1;
      if (flight.waiting === 0 && !flight.isOver) this.#abandon(address, flight);
    }
  }

  #start(address: string): Flight<T> {
    const { dial, runtime, timeoutMs } = this.#options;
    const stop = new AbortController();
    const run = async () => {
      try {
        return await within({ runtime, ms: timeoutMs, signal: stop.signal }, (signal) => dial(address, signal));
      } finally {
        flight.isOver = true;
        this.#forget(address, flight);
      }
    };
    // begun in a later turn: it refers to its own flight
    const flight: Flight<T> = { result: Promise.resolve().then(run), stop, waiting: 0, isOver: false };
    // whoever waited may have left
    flight.result.catch(() => undefined);
    this.#flying.set(address, flight);
    return flight;
  }

  #abandon(address: string, flight: Flight<T>): void {
    this.#forget(address, flight);
    flight.stop.abort(new Error("nobody waits for it"));
  }

  #forget(address: string, flight: Flight<T>): void {
    if (this.#flying.get(address) === flight) this.#flying.delete(address);
  }
}
