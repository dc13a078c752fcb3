import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { OWN_NETWORK } from "../support/capabilities.ts";

/** A process that is spoken to. */
export type Spoken = ChildProcessByStdio<Writable, Readable, null>;

/** A network namespace, held by a process that ends with this one; everything in it goes with it. */
export class Namespace implements Disposable {
  /** Starts a command that has this network and no other. */
  readonly wrapper: readonly string[];
  readonly pid: number;
  readonly #processes: Spoken[];

  constructor(holder: Spoken) {
    if (holder.pid === undefined) throw new Error("the namespace's holder has no process id");
    this.pid = holder.pid;
    this.#processes = [holder];
    this.wrapper = ["nsenter", `--target=${this.pid}`, "--user", "--net", "--preserve-credentials"];
  }

  /** Runs a shell script in it, to its end. */
  run(script: string): string {
    const [command = "", ...args] = [...this.wrapper, "sh", "-ec", script];
    const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", timeout: 10_000 });
    if (status !== 0) throw new Error(`${script}: ${error?.message ?? stderr}`);
    return stdout;
  }

  /** Starts a command in it, which ends with it. */
  start(command: readonly string[]): Spoken {
    const started = hold([...this.wrapper, ...BOUND, ...command]);
    this.#processes.push(started);
    return started;
  }

  [Symbol.dispose](): void {
    for (const one of this.#processes.toReversed()) one.kill("SIGKILL");
  }
}

/** What ends with the process that started it, however that ends. */
const BOUND = ["setpriv", "--pdeathsig", "KILL"];
const HOLD = [...BOUND, "sh", "-c", "ip link set lo up && echo up && exec cat"];

/** A namespace of its own, or beside others, whose cables it may then share. */
export async function createNamespace(beside?: Namespace): Promise<Namespace> {
  const command = beside === undefined ? OWN_NETWORK : ["--net"];
  const holder = hold([...(beside?.wrapper ?? []), "unshare", ...command, ...HOLD]);
  await firstLine(holder);
  return new Namespace(holder);
}

/** Resolves with the next line of what a command prints. */
export async function firstLine({ stdout }: Pick<Spoken, "stdout">): Promise<string> {
  const lines = createInterface({ input: stdout });
  for await (const line of lines) return line;
  throw new Error("the command ended without a line");
}

function hold([command = "", ...args]: readonly string[]): Spoken {
  const holder = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  // its end is noticed where its output is read
  holder.on("error", () => undefined);
  holder.stdin.on("error", () => undefined);
  return holder;
}
