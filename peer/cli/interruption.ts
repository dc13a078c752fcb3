import { ChatError } from "../../shared/errors.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Ctrl-C and its kin: `signal` aborts with the error INTERRUPTED, and `by` says which it was. */
export interface Interruption extends Disposable {
  readonly signal: AbortSignal;
  readonly by: (typeof SIGNALS)[number] | undefined;
}

/** Listens for the first signal only: the second one ends the process at once. */
export function interruptible(): Interruption {
  const controller = new AbortController();
  let by: Interruption["by"];
  const ignore = () => {
    for (const name of SIGNALS) process.off(name, interrupt);
  };
  const interrupt = (name: (typeof SIGNALS)[number]) => {
    ignore();
    by = name;
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
