/** Runs one task after the other, in the order of the calls. */
export class Mutex {
  #tail: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(task, task);
    this.#tail = turn.catch(() => undefined);
    return turn;
  }
}
