import { ChatError } from "../../shared/errors.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** `timeout -s INT` and others send a signal to a process, and once more to its whole group. */
const MOMENT_MS = 200;

/** Ctrl-C and its kin: `signal` aborts with the error INTERRUPTED, and `by` says which it was. */
export interface Interruption extends Disposable {
  readonly signal: AbortSignal;
  readonly by: (typeof SIGNALS)[number] | undefined;
}

/**
 * Listens for the first signal only: the second one ends the process at once, unless it comes in the same moment.
 *
 * @param after  runs something later; the answer cancels
 */
export function interruptible(after = afterMs): Interruption {
  const controller = new AbortController();
  let by: Interruption["by"];
  let cancel = () => {};
  const ignore = () => {
    cancel();
    for (const name of SIGNALS) process.off(name, interrupt);
  };
  const interrupt = (name: (typeof SIGNALS)[number]) => {
    if (by !== undefined) return;
    by = name;
    cancel = after(MOMENT_MS, ignore);
    controller.abort(new ChatError("INTERRUPTED", "interrupted"));
  };
  for (const name of SIGNALS) process.on(name, interrupt);
  return {
    signal: controller.signal,
    get by() {
      return by;
    },
    [Symbol.dispose]: ignore,
  };
}

function afterMs(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms).unref();
  return () => clearTimeout(timer);
}
