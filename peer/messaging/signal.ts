/** Wakes whoever waits; a call that comes before the waiting is not lost. */
export class Signal {
  #raised = false;
  #wake: (() => void) | undefined;

  raise(): void {
    this.#raised = true;
    this.#wake?.();
  }

  /** What was raised so far is being looked at. */
  lower(): void {
    this.#raised = false;
  }

  /** Resolves at the next raise, or at once if there was one since the last wait. For one waiter at a time. */
  async wait(): Promise<void> {
    if (!this.#raised) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#raised = false;
    this.#wake = undefined;
  }
}
