import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { PROGRAMS } from "./programs.ts";

export type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Starts a script beside the tests with this Node; `wrapper` is a command that starts it in turn (strace, unshare). */
export function startScript(script: URL, args: readonly string[], wrapper: readonly string[] = []): Child {
  return startCommand([...wrapper, process.execPath, fileURLToPath(script), ...args]);
}

/** Starts a command that ends with the test at the latest. */
export function startCommand([command = "", ...args]: readonly string[]): Child {
  const env = { ...process.env, NODE_COMPILE_CACHE: PROGRAMS.codeCache };
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], detached: true, env });
  onTestFinished(() => killGroup(child));
  return child;
}

/** The child leads a group of its own: what it started in turn ends with it. */
function killGroup({ pid }: Child): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** The next line that a child prints on stdout. */
export async function nextLine(child: Child): Promise<string> {
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) return line;
  throw new Error("the child ended without a line");
}

/** Runs a script to its end and reads the one JSON value that it prints. */
export async function runScript(script: URL, args: readonly string[], wrapper?: readonly string[]): Promise<unknown> {
  const child = startScript(script, args, wrapper);
  const [output, complaints] = await Promise.all([text(child.stdout), text(child.stderr)]);
  try {
    return JSON.parse(output);
  } catch {
    throw new Error(`the script printed no JSON: ${output} ${complaints}`);
  }
}

async function text(stream: Readable): Promise<string> {
  let whole = "";
  for await (const chunk of stream.setEncoding("utf8")) whole += chunk;
  return whole;
}
