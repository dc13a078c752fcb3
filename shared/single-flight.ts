import { abortReason } from "./abort-reason.ts";

/**
 * Lets one call per key run at a time: whoever asks meanwhile gets its answer. A caller's signal ends that caller's wait
 * only, with `abortReason`; the call itself goes on for the others.
 */
export function singleFlight<K, T>(run: (key: K) => Promise<T>): (key: K, signal?: AbortSignal) => Promise<T> {
  const flying = new Map<K, Promise<T>>();
  return async (key, signal) => {
    if (signal?.aborted) throw abortReason(signal);
    let flight = flying.get(key);
    if (flight === undefined) {
      flight = run(key).finally(() => flying.delete(key));
      flying.set(key, flight);
    }
    return signal === undefined ? flight : unlessAborted(flight, signal);
  };
}

async function unlessAborted<T>(flight: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(abortReason(signal));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([flight, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
