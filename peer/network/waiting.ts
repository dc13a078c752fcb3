import { ChatError } from "../../shared/errors.ts";
import type { Runtime } from "../messaging/runtime.ts";

type Limit = {
  readonly runtime: Pick<Runtime, "after">;
  readonly ms: number;
  readonly signal: AbortSignal;
};

/**
 * Runs something for so long at most; its own signal fires with `signal` and when the time is over. Does not wait for what
 * ignores its signal.
 *
 * @throws ChatError TIMED_OUT, or the signal's reason
 */
export async function within<T>({ runtime, ms, signal }: Limit, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const over = new AbortController();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const end = (reason: unknown) => {
    reject(reason);
    over.abort(reason);
  };
  const onAbort = () => end(signal.reason);
  const cancel = runtime.after(ms, () => end(new ChatError("TIMED_OUT", "no answer in time")));
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([ended, run(over.signal)]);
  } finally {
    cancel();
    signal.removeEventListener("abort", onAbort);
  }
}

/** Waits so long, or until `until` resolves. @throws the signal's reason */
export async function pause({ runtime, ms, signal, until }: Limit & { until?: Promise<void> }): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = () => reject(signal.reason);
  const cancel = runtime.after(ms, resolve);
  signal.addEventListener("abort", onAbort);
  void until?.then(resolve);
  try {
    await promise;
  } finally {
    cancel();
    signal.removeEventListener("abort", onAbort);
  }
}
