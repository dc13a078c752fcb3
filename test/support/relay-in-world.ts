import { rmSync } from "node:fs";
import { join } from "node:path";
import type { World } from "./p2pchat.ts";
import type { Outcome, Program } from "./program.ts";
import { spawnRelay } from "./relay-process.ts";

type Options = {
  readonly args?: readonly string[];
  /** A command that starts it in turn (nsenter, sh). */
  readonly wrapper?: readonly string[];
  /** Where it keeps what it has; in the world's directory otherwise. */
  readonly directory?: string;
};

/** `p2pchat relay`, listed by a world's naming server: through all its lives in one directory and on one port. */
export class Relay {
  readonly directory: string;
  readonly #world: World;
  readonly #options: Options;
  readonly #lives: Program[] = [];
  #port = "0";

  constructor(world: World, name: string, options: Options = {}) {
    this.#world = world;
    this.#options = options;
    this.directory = options.directory ?? join(world.directory, name);
  }

  get program(): Program {
    const program = this.#lives.at(-1);
    if (program === undefined) throw new Error("the relay was never started");
    return program;
  }

  get address(): string {
    const [address = ""] = (this.program.seen[0]?.["addresses"] ?? []) as string[];
    return address;
  }

  get port(): number {
    return Number(this.#port);
  }

  get peerId(): string {
    return String(this.program.seen[0]?.["peerId"]);
  }

  /** What it logged, in all its lives. */
  get log(): string {
    return this.#lives.map(({ stderr }) => stderr).join("");
  }

  /** Resolves once it serves, and people find it on the list. */
  async start(): Promise<void> {
    const { args = ["--verbose"], wrapper } = this.#options;
    const where = ["--host", "127.0.0.1", "--port", this.#port, "--metrics-port", "0", "--server", this.#world.url];
    const program = spawnRelay(["--dir", this.directory, ...where, ...args], wrapper);
    this.#lives.push(program);
    await program.next(({ type }) => type === "relay");
    this.#port = this.address.split("/")[4] ?? "0";
    if (args.includes("--verbose")) await program.until(() => program.stderr.includes('"listed"'));
  }

  stop(): Promise<Outcome> {
    return this.program.stop();
  }

  async crash(): Promise<void> {
    await this.program.kill9();
    await this.start();
  }

  /** Loses all that it kept for others, and its own key as well where nothing is to be left. */
  wipe(what: "mailbox" | "everything"): void {
    const names = ["mailbox.db", "mailbox.db-wal", "mailbox.db-shm", "mailbox.db.reserve"];
    if (what === "everything") rmSync(this.directory, { recursive: true });
    else for (const name of names) rmSync(join(this.directory, name), { force: true });
  }

  /** A figure of its metrics; those of a label are named with it. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.program.seen[0]?.["metricsUrl"]}/metrics`)).text();
    const line = text.split("\n").find((one) => one.startsWith(`p2pchat_relay_${name} `));
    return Number(line?.split(" ").at(-1) ?? 0);
  }

  /** How often its mailbox gave that answer since it was started. */
  answered(answer: string): Promise<number> {
    return this.metric(`mailbox_answers_total{answer="${answer}"}`);
  }
}

export async function startRelays(world: World, names: readonly string[], options: Options = {}): Promise<Relay[]> {
  const relays = names.map((name) => new Relay(world, name, options));
  await Promise.all(relays.map((relay) => relay.start()));
  return relays;
}
