import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { onTestFinished } from "vitest";
import { complaintAbout, isPrinted } from "./printed.ts";

/** One line of what a command prints with `--json`; the members that tests read often have their type. */
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
  /** What it reads; nothing by default. `open` leaves it to the test. */
  readonly stdin?: string | Uint8Array | "open";
};

/** How long a test waits for what must happen. */
const PATIENCE_MS = 25_000;

/** A command at work, which ends with its test at the latest. */
export class Program {
  readonly exited: Promise<Outcome>;
  /** Every line of stdout so far; undefined members of it were no JSON. */
  readonly seen: Line[] = [];
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #title: string;
  readonly #unread: Line[] = [];
  #stdout = "";
  #stderr = "";
  #partial = "";
  #changed = Promise.withResolvers<void>();
  #ended = false;
  #complaintAboutOutput: string | undefined;

  constructor([command = "", ...args]: readonly string[], { env, directory, stdin = "" }: StartOptions) {
    this.#title = args.slice(-4).join(" ");
    this.#child = spawn(command, args, { env, cwd: directory, stdio: ["pipe", "pipe", "pipe"] });
    onTestFinished(() => this.#end());
    this.#child.stdin.on("error", () => undefined);
    if (stdin !== "open") this.#child.stdin.end(stdin);
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => this.#read(text));
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
      this.#wake();
    });
    this.exited = new Promise((resolve, reject) => {
      this.#child.once("error", reject);
      this.#child.once("close", (code, signal) => {
        this.#ended = true;
        this.#wake();
        resolve(this.#outcome(code, signal));
      });
    });
    this.exited.catch(() => undefined);
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`${this.#title} did not start`);
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
  async next(fits: (line: Line) => boolean, timeoutMs = PATIENCE_MS): Promise<Line> {
    let line: Line | undefined;
    await this.until(() => {
      const found = this.#unread.findIndex(fits);
      if (found !== -1) [line] = this.#unread.splice(found, 1);
      return line !== undefined;
    }, timeoutMs);
    if (line === undefined) throw new Error("nothing was found");
    return line;
  }

  nextMessage(text: string, timeoutMs?: number): Promise<Line> {
    return this.next((line) => line.type === "message" && line.text === text, timeoutMs);
  }

  /** Resolves once that holds, looked at whenever the program printed something. */
  async until(holds: () => boolean, timeoutMs = PATIENCE_MS): Promise<void> {
    const late = Promise.withResolvers<never>();
    late.promise.catch(() => undefined);
    const timer = setTimeout(() => late.reject(this.#complaint(`did not print it in ${timeoutMs} ms`)), timeoutMs);
    try {
      while (!holds()) {
        if (this.#ended) throw this.#complaint("ended without printing it");
        await Promise.race([this.#changed.promise, late.promise]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Its end; a program that takes longer is killed, and the test fails. */
  async outcome(timeoutMs = PATIENCE_MS): Promise<Outcome> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#child.kill("SIGKILL");
    }, timeoutMs);
    const outcome = await this.exited;
    clearTimeout(timer);
    if (late) throw this.#complaint(`did not end in ${timeoutMs} ms`);
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

  async #end(): Promise<void> {
    if (!this.#ended && this.#child.pid !== undefined) {
      this.#child.kill("SIGKILL");
      await this.exited;
    }
    if (this.#complaintAboutOutput !== undefined) throw this.#complaint(`printed ${this.#complaintAboutOutput}`);
  }

  #read(text: string): void {
    this.#stdout += text;
    const lines = (this.#partial + text).split("\n");
    this.#partial = lines.pop() ?? "";
    const parsed = lines.flatMap(parseLine);
    this.seen.push(...parsed);
    this.#complaintAboutOutput ??= parsed.filter(isPrinted).map(complaintAbout).find(Boolean);
    this.#unread.push(...parsed);
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  #outcome(code: number | null, signal: NodeJS.Signals | null): Outcome {
    return { code, signal, stdout: this.#stdout, stderr: this.#stderr, lines: this.seen };
  }

  #complaint(what: string): Error {
    return new Error(`"${this.#title}" ${what}\n--- stdout\n${this.#stdout}\n--- stderr\n${this.#stderr}`);
  }
}

function parseLine(line: string): Line[] {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? [value as Line] : [];
  } catch {
    return [];
  }
}
