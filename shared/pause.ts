type Timers = {
  /** Calls back after so many milliseconds; what it answers calls that off. */
  after(ms: number, callBack: () => void): () => void;
};

/** Resolves after so many milliseconds, or at once when the signal aborts: whoever waits looks at the signal. */
export function pause(timers: Timers, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const wake = () => {
      cancel();
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const cancel = timers.after(ms, wake);
    signal.addEventListener("abort", wake);
  });
}
