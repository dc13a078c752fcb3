import { ChatError } from "../../../shared/errors.ts";
import type { Runtime } from "../runtime.ts";
import { Signal } from "../signal.ts";

/** Whether an exchange with a peer moves: what its one waiter waits on, and what ends it. */
export class Progress {
  readonly #runtime: Runtime;
  readonly #timeoutMs: number;
  readonly #signal = new Signal();
  #failure: Error | undefined;
  #lastMs: number;

  constructor(runtime: Runtime, timeoutMs: number) {
    this.#runtime = runtime;
    this.#timeoutMs = timeoutMs;
    this.#lastMs = runtime.monotonic();
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /** The peer owes an answer from now on; before, it may have been silent for as long as it liked. */
  expect(): void {
    this.#lastMs = this.#runtime.monotonic();
  }

  /** The peer answered something. */
  made(): void {
    this.expect();
    this.#signal.raise();
  }

  /** Look again, though the peer said nothing. */
  nudge(): void {
    this.#signal.raise();
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#signal.raise();
  }

  assertAlive(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves when there is something to look at. @throws the failure; ChatError TIMED_OUT */
  async next(): Promise<void> {
    this.assertAlive();
    const remaining = Math.max(0, this.#lastMs + this.#timeoutMs - this.#runtime.monotonic());
    const cancel = this.#runtime.after(remaining, () => this.#signal.raise());
    await this.#signal.wait();
    cancel();
    this.assertAlive();
    if (this.#runtime.monotonic() - this.#lastMs >= this.#timeoutMs) {
      throw new ChatError("TIMED_OUT", "the peer does not answer");
    }
  }

  /** Resolves once it holds. @throws as `next` */
  async until(holds: () => boolean): Promise<void> {
    this.expect();
    while (!holds()) await this.next();
  }
}
