import { writeFileSync } from "node:fs";

/**
 * Closes the ways in which a running process gives its memory away: the debugger that SIGUSR1 opens, diagnostic reports
 * and heap snapshots, core dumps, and its arguments in the process list. The text of a message can be seen there until
 * this has run: standard input is the private way.
 */
export function guardProcess(title: string): void {
  process.title = title;
  process.umask(0o077);
  process.on("SIGUSR1", () => undefined);
  emptyCoreDumps();
}

/** Node cannot set the limit of core dumps; on Linux it can leave every page out of them. */
function emptyCoreDumps(): void {
  if (process.platform !== "linux") return;
  try {
    writeFileSync("/proc/self/coredump_filter", "0");
  } catch {
    // A sandbox without a writable /proc: what remains is the limit that the user has set.
  }
}
