import { close, url } from "node:inspector";
import { revealsMemory } from "../shared/node-options.ts";

/**
 * Keeps the process to its owner: what it creates is private, no debugger opens, and no snapshot of its memory is written,
 * neither by SIGUSR1 nor by an inherited NODE_OPTIONS. Imported first, for its effect.
 */
if (revealsMemory(process.env["NODE_OPTIONS"] ?? "")) startClean();
process.umask(0o077);
process.on("SIGUSR1", () => undefined);
if (url() !== undefined) close();

/** The same process without that variable; what the debugger listened on closes with it. */
function startClean(): void {
  const { NODE_OPTIONS: _revealing, ...env } = process.env;
  const [program = process.execPath, ...args] = process.argv;
  delete process.env["NODE_OPTIONS"];
  process.execve?.(process.execPath, [program, ...process.execArgv, ...args], env);
}
