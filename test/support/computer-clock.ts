import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CLOCK_LIBRARY } from "./capabilities.ts";
import { type Person, World } from "./p2pchat.ts";
import { type Line, Program } from "./program.ts";
import { PROGRAMS } from "./programs.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/**
 * The wall clock of one computer, by `faketime`: whatever is started with `env` goes by it, also when it is moved later.
 * Monotonic time and the times of files stay true.
 */
export class ComputerClock {
  readonly env: Readonly<Record<string, string>>;
  readonly #path: string;

  constructor() {
    this.#path = join(temporaryDirectory(), "offset");
    this.set("+0");
    this.env = {
      LD_PRELOAD: CLOCK_LIBRARY,
      FAKETIME_TIMESTAMP_FILE: this.#path,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      NO_FAKE_STAT: "1",
    };
  }

  /** @param offset  from the true time, such as `-3h` or `+1y` */
  set(offset: string): void {
    // Renamed into place: a reader sees one offset or the other.
    writeFileSync(`${this.#path}.new`, offset);
    renameSync(`${this.#path}.new`, this.#path);
  }
}

export type ServedRequest = { readonly method: string; readonly route: string; readonly status: number };

/** A naming server in a process of its own, whose clock can be set. */
export class ClockedServer {
  readonly clock = new ComputerClock();
  readonly #program: Program;

  constructor() {
    const directory = temporaryDirectory();
    const options = ["--port", "0", "--database-url", `sqlite:${join(directory, "naming.db")}`, "--log-level", "debug"];
    const env = { PATH: process.env["PATH"] ?? "", ...this.clock.env };
    this.#program = new Program([process.execPath, PROGRAMS.namingServer, ...options], { directory, env });
  }

  async url(): Promise<string> {
    const ready = () => /^naming server listening on (http\S+)\n/.exec(this.#program.stdout)?.[1];
    await this.#program.until(() => ready() !== undefined);
    return ready() ?? "";
  }

  /** What it has answered so far, by its log. */
  served(): readonly ServedRequest[] {
    const lines = this.#program.stderr.split("\n").slice(0, -1);
    const logged = lines.map((line) => JSON.parse(line) as ServedRequest & { readonly msg: string });
    return logged.filter(({ msg }) => msg === "request");
  }

  /** Resolves once it has answered one that fits, after the first `seen`. */
  untilServed(fits: (request: ServedRequest) => boolean, seen = 0): Promise<void> {
    return this.#program.until(() => this.served().slice(seen).some(fits), 60_000);
  }
}

/** People around a naming server whose clock is its own. */
export async function startClockedWorld(): Promise<World & { readonly naming: ClockedServer }> {
  const naming = new ClockedServer();
  return Object.assign(new World(await naming.url()), { naming });
}

export const isPublication = ({ method, route, status }: ServedRequest) =>
  method === "PUT" && route.endsWith("/addresses") && status === 204;

/** How far the clock that stamped a message is from the true time, in seconds. */
export function stampedAheadSeconds({ sentAt }: Line): number {
  return (Date.parse(String(sentAt)) - Date.now()) / 1000;
}

/** Sends, and the recipient's disk has it. */
export async function deliver(from: Person, to: Person, listening: Program, text: string): Promise<Line> {
  const { exit, line } = await from.send(to.name, text, "--timeout", "60s");
  if (exit !== 0 || line.state !== "stored") throw new Error(`"${text}" is not stored: ${JSON.stringify(line)}`);
  return listening.nextMessage(text);
}
