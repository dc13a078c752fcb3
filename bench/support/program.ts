import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const KILL_AFTER_MS = 10_000;

/** What the programs are started from. */
export type Origin = "build" | "sources";

export type BenchOptions = {
  readonly origin: Origin;
  /** Node's own options for the daemons, such as `--cpu-prof`. */
  readonly nodeOptions: readonly string[];
};

const BUILT = ["dist/p2pchat/main.cjs", "dist/naming-server/main.js"].map(pathTo);

export const hasBuild = BUILT.every((path) => existsSync(path));

/** The sources have changed since the build. */
export function isOutdated(): boolean {
  const sources = globSync("{naming-server,peer,shared}/**/*.ts", { cwd: pathTo("") });
  const builtMs = Math.min(...BUILT.map((path) => statSync(path).mtimeMs));
  return sources.some((path) => statSync(pathTo(path)).mtimeMs > builtMs);
}

export function p2pchatPath(origin: Origin): string {
  return pathTo(origin === "build" ? "peer/p2pchat.cjs" : "peer/main.ts");
}

export function namingServerPath(origin: Origin): string {
  return pathTo(origin === "build" ? "naming-server/p2pchat-naming-server.cjs" : "naming-server/main.ts");
}

/** The options that a launcher, started by its name, gives Node; for what is started by Node itself, as here. */
export function launchOptions(path: string): string[] {
  const [, options = ""] = /^":".*exec node ((?:--\S+ )*)"\$0"/m.exec(readFileSync(path, "utf8")) ?? [];
  return options.split(" ").filter((option) => option !== "");
}

/** @param path below the package's directory */
export function pathTo(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A child process with an eye on what it prints; it never outlives this one. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  readonly #watchers = new Set<(line: string | undefined) => void>();

  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "inherit"] });
    this.#child = child;
    running.add(child);
    this.#ended = new Promise((resolve) => child.once("close", resolve));
    void this.#ended.then(() => {
      running.delete(child);
      this.#tell(undefined);
    });
    if (child.stdout !== null) createInterface({ input: child.stdout }).on("line", (line) => this.#tell(line));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The next `count` lines that contain `part`, of which the last is the answer. Ask before they can be printed. */
  lines(part: string, count = 1): Promise<string> {
    return new Promise((resolve, reject) => {
      let missing = count;
      const watch = (line: string | undefined) => {
        if (line === undefined) reject(new Error(`the program ended before it printed ${part}`));
        else if (line.includes(part)) missing -= 1;
        if (missing > 0 && line !== undefined) return;
        this.#watchers.delete(watch);
        resolve(line ?? "");
      };
      this.#watchers.add(watch);
    });
  }

  /** Runs until it ends by itself. */
  async finished(): Promise<void> {
    const status = await this.#ended;
    if (status !== 0) throw new Error(`the program ended with ${status}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), KILL_AFTER_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  #tell(line: string | undefined): void {
    for (const watch of this.#watchers) watch(line);
  }
}
