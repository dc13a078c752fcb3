import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
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
  /** Between asking a command to end and ending it; 5 s unless said otherwise. */
  readonly lastWordsMs?: number;
};

const LAST_WORDS_MS = 5000;
const POLL_MS = 25;
/** Where it prints: standard output is for events. */
const STDERR = 2;

/**
 * What became of a command: `undefined` after exit code 0, else why it counts as failed. One that had to be ended has ended
 * with all that it has started in its group.
 */
export async function runCommand(
  { file, args }: CommandLine,
  { input, env, timeoutMs, signal, lastWordsMs = LAST_WORDS_MS }: RunCommandOptions,
): Promise<string | undefined> {
  const ended = Promise.withResolvers<string | undefined>();
  // A group of its own, so that what it starts in turn ends with it.
  const child = spawn(file, args, { env, detached: true, stdio: ["pipe", STDERR, STDERR] });
  child.once("error", (error) => ended.resolve(error.message));
  child.once("exit", (code, by) => ended.resolve(code === 0 ? undefined : `ended with ${by ?? `exit code ${code}`}`));
  child.stdin?.on("error", () => undefined).end(input);
  let ending: Promise<void> | undefined;
  let late = false;
  const terminate = () => {
    ending ??= endGroup(child, lastWordsMs);
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
    await ending;
  }
}

/** The first of them may end long before those that it has started. */
async function endGroup(child: ChildProcess, lastWordsMs: number): Promise<void> {
  let isThere = signalGroup(child, "SIGTERM");
  for (let waitedMs = 0; isThere && waitedMs < lastWordsMs; waitedMs += POLL_MS) {
    await sleep(POLL_MS);
    isThere = signalGroup(child, 0);
  }
  if (isThere) signalGroup(child, "SIGKILL");
}

/** False once nobody of the group is left. */
function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  if (pid === undefined) return false;
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
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
