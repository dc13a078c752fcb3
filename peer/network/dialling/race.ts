import type { Runtime } from "../../messaging/runtime.ts";

export type Attempt<T> = {
  /** Runs once this time has passed since the start, or sooner where everything before it has failed. */
  readonly delayMs: number;
  /** Must end when its signal fires, which it never does after success: libp2p goes on listening to it. */
  readonly run: (signal: AbortSignal) => Promise<T>;
};

type Options<T> = {
  readonly runtime: Pick<Runtime, "after">;
  readonly signal: AbortSignal;
  /** An attempt that succeeded although another had won. */
  readonly discard: (late: T) => void;
};

/**
 * Starts attempts one after the other without waiting for them to fail; the first that succeeds wins, the others are
 * cancelled.
 *
 * @throws AggregateError once all have failed
 */
export function race<T>(attempts: readonly Attempt<T>[], { runtime, signal, discard }: Options<T>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const running = new Set<AbortController>();
  const errors: unknown[] = [];
  const waiting = attempts.toSorted((a, b) => a.delayMs - b.delayMs);
  let passedMs = 0;
  let isOver = false;
  let cancelTimer = () => {};

  const finish = (settle: () => void) => {
    cancelTimer();
    signal.removeEventListener("abort", onAbort);
    isOver = true;
    settle();
    for (const attempt of running) attempt.abort(new Error("another attempt was faster"));
  };
  const onAbort = () => finish(() => reject(signal.reason));
  const startNext = () => {
    cancelTimer();
    const attempt = waiting.shift();
    if (attempt === undefined) return;
    passedMs = attempt.delayMs;
    const own = new AbortController();
    running.add(own);
    attempt
      .run(own.signal)
      .finally(() => running.delete(own))
      .then(onSucceeded, onFailed);
    const [next] = waiting;
    if (next !== undefined) cancelTimer = runtime.after(next.delayMs - passedMs, startNext);
  };
  const onSucceeded = (value: T) => (isOver ? discard(value) : finish(() => resolve(value)));
  const onFailed = (error: unknown) => {
    if (isOver) return;
    errors.push(error);
    if (errors.length === attempts.length) finish(() => reject(new AggregateError(errors, "every attempt failed")));
    // nothing under way is left to wait for
    else if (errors.length === attempts.length - waiting.length) startNext();
  };

  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  else if (attempts.length === 0) finish(() => reject(new AggregateError([], "nothing to attempt")));
  else startNext();
  return promise;
}
