/** One timer that is started, put off and stopped; it never keeps the process alive. */
export class Deadline {
  readonly #onExpired: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(onExpired: () => void) {
    this.#onExpired = onExpired;
  }

  start(ms: number): void {
    this.stop();
    this.#timer = setTimeout(this.#onExpired, ms).unref();
  }

  /** Starts the same time again; cheaper than `start` where it happens with every chunk. */
  putOff(): void {
    this.#timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
