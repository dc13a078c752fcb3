import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { ChatError } from "../../shared/errors.ts";

/** One line of what a command prints with `--json`; members that are often read have their type. */
export type Line = Readonly<Record<string, unknown>> & {
  readonly v: number;
  readonly type: string;
  readonly id?: string;
  readonly peerId?: string;
  readonly from?: string;
  readonly text?: string;
  readonly seq?: number;
  readonly state?: string;
  readonly code?: string;
};

export type Outcome = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Stdout as JSON lines. */
  readonly lines: readonly Line[];
};

export type StartOptions = {
  readonly env: Readonly<Record<string, string>>;
  readonly directory: string;
  /** What it reads; nothing by default. `open` leaves it to the caller. */
  readonly stdin?: string | Uint8Array | "open";
  /**
   * Takes what the attendant tells: there is a channel for it then, and the process is in a session of its own, where Ctrl-C
   * does not reach it.
   */
  readonly onMessage?: (message: unknown) => void;
  /** How long it is waited for what must happen. */
  readonly patienceMs?: number;
};

const PATIENCE_MS = 25_000;
const KEPT_OF_STDERR = 64 * 1024;

type Child = ChildProcess & { readonly stdin: Writable; readonly stdout: Readable; readonly stderr: Readable };

/** A command at work, and what it prints. */
export class Program {
  readonly exited: Promise<Outcome>;
  /** Every line of stdout that was JSON, so far. */
  readonly seen: Line[] = [];
  readonly #child: Child;
  readonly #title: string;
  readonly #unread: Line[] = [];
  #stdout = "";
  #stderr = "";
  #partial = "";
  #changed = Promise.withResolvers<void>();
  #ended = false;
  #follow: ((line: Line) => void) | undefined;
  readonly #patienceMs: number;

  constructor(commandLine: readonly string[], options: StartOptions) {
    const [command = "", ...args] = commandLine;
    const { env, directory, stdin = "", onMessage, patienceMs = PATIENCE_MS } = options;
    this.#patienceMs = patienceMs;
    this.#title = args.slice(-4).join(" ");
    const isAttended = onMessage !== undefined;
    const stdio: StdioOptions = ["pipe", "pipe", "pipe", ...(isAttended ? (["ipc"] as const) : [])];
    const child = spawn(command, args, { env, cwd: directory, stdio, detached: isAttended });
    if (!isPiped(child)) throw new ChatError("INTERNAL", `${this.#title} has no pipes`);
    this.#child = child;
    if (isAttended) child.on("message", onMessage);
    child.stdin.on("error", () => undefined);
    if (stdin !== "open") child.stdin.end(stdin);
    child.stdout.setEncoding("utf8").on("data", (text: string) => this.#read(text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => this.#readErrors(text));
    this.exited = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        this.#ended = true;
        this.#wake();
        resolve(this.#outcome(code, signal));
      });
    });
    this.exited.catch(() => undefined);
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new ChatError("INTERNAL", `${this.#title} did not start`);
    return pid;
  }

  get isRunning(): boolean {
    return !this.#ended;
  }

  get stdin(): Writable {
    return this.#child.stdin;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** The next line that fits, now or later; the others stay for later calls. */
  async next(fits: (line: Line) => boolean, timeoutMs: number = this.#patienceMs): Promise<Line> {
    let line: Line | undefined;
    await this.until(() => {
      const found = this.#unread.findIndex(fits);
      if (found !== -1) [line] = this.#unread.splice(found, 1);
      return line !== undefined;
    }, timeoutMs);
    if (line === undefined) throw this.complaint("did not print it");
    return line;
  }

  nextMessage(text: string, timeoutMs?: number): Promise<Line> {
    return this.next((line) => line.type === "message" && line.text === text, timeoutMs);
  }

  /**
   * Resolves once that holds, looked at whenever the program printed something.
   *
   * @throws ChatError TIMED_OUT; INTERNAL for a program that ends before
   */
  async until(holds: () => boolean, timeoutMs: number = this.#patienceMs): Promise<void> {
    const late = Promise.withResolvers<never>();
    late.promise.catch(() => undefined);
    const timer = setTimeout(
      () => late.reject(this.complaint(`did not print it in ${timeoutMs} ms`, "TIMED_OUT")),
      timeoutMs,
    );
    try {
      while (!holds()) {
        if (this.#ended) throw this.complaint("ended without printing it");
        await Promise.race([this.#changed.promise, late.promise]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** From now on lines go there, those first that nobody has asked for, and nothing that is printed is kept. */
  follow(take: (line: Line) => void): void {
    this.#follow = take;
    for (const line of this.#unread.splice(0)) take(line);
    this.seen.length = 0;
    this.#stdout = "";
  }

  /** Its end. @throws ChatError TIMED_OUT for a program that takes longer, which is killed */
  async outcome(timeoutMs: number = this.#patienceMs): Promise<Outcome> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#child.kill("SIGKILL");
    }, timeoutMs);
    const outcome = await this.exited;
    clearTimeout(timer);
    if (late) throw this.complaint(`did not end in ${timeoutMs} ms`, "TIMED_OUT");
    return outcome;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Nobody reads what it prints from now on. */
  closeStdout(): void {
    this.#child.stdout.destroy();
  }

  async kill9(): Promise<Outcome> {
    this.signal("SIGKILL");
    return this.outcome();
  }

  /** As a service manager would: SIGTERM, and the end. */
  async stop(): Promise<Outcome> {
    this.signal("SIGTERM");
    return this.outcome();
  }

  complaint(what: string, code: "INTERNAL" | "TIMED_OUT" = "INTERNAL"): ChatError {
    return new ChatError(code, `"${this.#title}" ${what}\n--- stdout\n${this.#stdout}\n--- stderr\n${this.#stderr}`);
  }

  #read(text: string): void {
    const lines = (this.#partial + text).split("\n");
    this.#partial = lines.pop() ?? "";
    const parsed = lines.flatMap(parseLine);
    if (this.#follow !== undefined) {
      for (const line of parsed) this.#follow(line);
      return;
    }
    this.#stdout += text;
    this.seen.push(...parsed);
    this.#unread.push(...parsed);
    this.#wake();
  }

  #readErrors(text: string): void {
    this.#stderr += text;
    if (this.#follow !== undefined) this.#stderr = this.#stderr.slice(-KEPT_OF_STDERR);
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  #outcome(code: number | null, signal: NodeJS.Signals | null): Outcome {
    return { code, signal, stdout: this.#stdout, stderr: this.#stderr, lines: this.seen };
  }
}

function isPiped(child: ChildProcess): child is Child {
  return child.stdin !== null && child.stdout !== null && child.stderr !== null;
}

function parseLine(line: string): Line[] {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? [value as Line] : [];
  } catch {
    return [];
  }
}
