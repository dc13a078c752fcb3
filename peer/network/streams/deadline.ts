import type { Runtime } from "../../messaging/runtime.ts";

/** One timer that is started, put off and stopped. */
export class Deadline {
  readonly #runtime: Pick<Runtime, "after" | "monotonic">;
  readonly #onExpired: () => void;
  #timeoutMs = 0;
  #sinceMs = 0;
  #cancel: (() => void) | undefined;

  constructor(runtime: Pick<Runtime, "after" | "monotonic">, onExpired: () => void) {
    this.#runtime = runtime;
    this.#onExpired = onExpired;
  }

  start(timeoutMs: number): void {
    this.stop();
    this.#timeoutMs = timeoutMs;
    this.putOff();
    this.#wait(timeoutMs);
  }

  /** Starts the same time again; cheaper than `start` where it happens with every chunk. */
  putOff(): void {
    this.#sinceMs = this.#runtime.monotonic();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #wait(ms: number): void {
    this.#cancel = this.#runtime.after(ms, () => {
      const leftMs = this.#sinceMs + this.#timeoutMs - this.#runtime.monotonic();
      if (leftMs > 0) this.#wait(leftMs);
      else this.#onExpired();
    });
  }
}
