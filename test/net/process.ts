import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { PROGRAMS } from "../support/programs.ts";
import type { Host } from "./internet.ts";

/** A script on a machine that prints a line of JSON for each line it reads. */
export type Process = {
  /** The first line that it printed. */
  readonly ready: unknown;
  /** Writes a line, and reads the next that it prints. */
  ask(line: string): Promise<unknown>;
};

/** Starts a script beside this one, and waits for its first line. */
export async function startOn(host: Host, name: string, args: readonly string[]): Promise<Process> {
  const script = fileURLToPath(new URL(name, import.meta.url));
  const cache = `NODE_COMPILE_CACHE=${PROGRAMS.codeCache}`;
  const { stdin, stdout } = host.start(["env", cache, process.execPath, script, ...args]);
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`${name} has ended`);
    return JSON.parse(value);
  };
  const ready = await next();
  return {
    ready,
    ask(line) {
      stdin.write(`${line}\n`);
      return next();
    },
  };
}
