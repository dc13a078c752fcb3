import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { ChatError } from "../../../shared/errors.ts";

/** A program and its arguments, as the system is given them: no shell reads them. */
export type CommandLine = { readonly file: string; readonly args: readonly string[] };

export type RunCommandOptions = {
  /** What it reads. */
  readonly input: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
  /** Ends it early. */
  readonly signal: AbortSignal;
};

/** Between asking a command to end and ending it. */
const LAST_WORDS_MS = 5000;
/** Where it prints: standard output is for events. */
const STDERR = 2;

/** What became of a command: `undefined` after exit code 0, else why it counts as failed. */
export async function runCommand(
  { file, args }: CommandLine,
  { input, env, timeoutMs, signal }: RunCommandOptions,
): Promise<string | undefined> {
  const ended = Promise.withResolvers<string | undefined>();
  // A group of its own, so that what it starts in turn ends with it.
  const child = spawn(file, args, { env, detached: true, stdio: ["pipe", STDERR, STDERR] });
  child.once("error", (error) => ended.resolve(error.message));
  child.once("exit", (code, by) => ended.resolve(code === 0 ? undefined : `ended with ${by ?? `exit code ${code}`}`));
  child.stdin?.on("error", () => undefined).end(input);
  let killing: NodeJS.Timeout | undefined;
  let late = false;
  const terminate = () => {
    signalGroup(child, "SIGTERM");
    killing = setTimeout(() => signalGroup(child, "SIGKILL"), LAST_WORDS_MS);
  };
  const timer = setTimeout(() => {
    late = true;
    terminate();
  }, timeoutMs);
  signal.addEventListener("abort", terminate, { once: true });
  try {
    const failure = await ended.promise;
    return late ? `took longer than ${timeoutMs} ms` : failure;
  } finally {
    signal.removeEventListener("abort", terminate);
    clearTimeout(timer);
    clearTimeout(killing);
  }
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/**
 * The file that a name stands for, as a shell would find it: with a slash it is a path, else PATH is searched.
 *
 * @throws ChatError USAGE where there is none, or it cannot be run
 */
export function findCommand(name: string, path = ""): string {
  const candidates = name.includes("/") ? [name] : path.split(delimiter).map((directory) => join(directory, name));
  const found = candidates.find(isExecutable);
  if (found !== undefined) return found;
  throw new ChatError("USAGE", `"${name}" is no command that can be run; its arguments go behind --`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
