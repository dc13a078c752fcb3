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

const LOOKS = 4;

/**
 * Runs something for as long as anything comes in meanwhile, whatever it is: an answer may stand behind it, or its question
 * behind what goes out. The silence is counted in looks, for this process may stand still.
 *
 * @throws ChatError TIMED_OUT after `ms` in which nothing came, or the signal's reason
 */
export async function untilSilent<T>(
  { runtime, ms, signal, heard }: Limit & { readonly heard: () => number | undefined },
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const silent = new AbortController();
  let [known, looks] = [heard(), 0];
  const look = () => {
    looks = heard() === known ? looks + 1 : 0;
    known = heard();
    if (looks < LOOKS) cancel = runtime.after(ms / LOOKS, look);
    else silent.abort(new ChatError("TIMED_OUT", "nothing came in time"));
  };
  let cancel = runtime.after(ms / LOOKS, look);
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const either = AbortSignal.any([signal, silent.signal]);
  const onAbort = () => reject(either.reason);
  either.addEventListener("abort", onAbort);
  try {
    either.throwIfAborted();
    return await Promise.race([ended, run(either)]);
  } finally {
    cancel();
    either.removeEventListener("abort", onAbort);
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
