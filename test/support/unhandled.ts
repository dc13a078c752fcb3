/** Runs that, and answers what was rejected meanwhile while nobody waited for it: in the program, its end. */
export async function unhandledDuring(run: () => Promise<unknown>): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  const note = (reason: unknown) => void found.push(reason);
  process.on("unhandledRejection", note);
  try {
    await run();
    // Node tells of them once the turn is over
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off("unhandledRejection", note);
  }
  return found;
}
