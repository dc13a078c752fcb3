import { ChatError } from "../../shared/errors.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Ctrl-C and its kin: `signal` aborts with the error INTERRUPTED, and `by` says which it was. */
export interface Interruption {
  readonly signal: AbortSignal;
  readonly by: (typeof SIGNALS)[number] | undefined;
}

/** Listens for the first signal only: the second one ends the process at once. */
export function interruptible(): Interruption {
  const controller = new AbortController();
  const interruption: { signal: AbortSignal; by: Interruption["by"] } = { signal: controller.signal, by: undefined };
  const interrupt = (by: (typeof SIGNALS)[number]) => {
    for (const name of SIGNALS) process.off(name, interrupt);
    interruption.by = by;
    controller.abort(new ChatError("INTERRUPTED", "interrupted"));
  };
  for (const name of SIGNALS) process.on(name, interrupt);
  return interruption;
}
