import { writeFileSync } from "node:fs";
import { revealsMemory } from "../../shared/node-options.ts";

/**
 * Closes the ways in which a running process gives its memory away: debuggers and snapshots that NODE_OPTIONS asks for,
 * the debugger that SIGUSR1 opens, core dumps, and its arguments in the process list. The text of a message can be seen
 * there until this has run: standard input is the private way.
 */
export function guardProcess(title: string): void {
  if (revealsMemory(process.env["NODE_OPTIONS"] ?? "")) startClean();
  process.title = title;
  process.umask(0o077);
  process.on("SIGUSR1", () => undefined);
  emptyCoreDumps();
}

/** The same process without that variable; what the debugger listened on closes with it. */
function startClean(): void {
  const { NODE_OPTIONS: _revealing, ...env } = process.env;
  delete process.env["NODE_OPTIONS"];
  process.execve?.(process.execPath, process.argv, env);
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
