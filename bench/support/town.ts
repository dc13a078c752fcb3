import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ControlClient, connectToDaemon } from "../../peer/daemon/control-client.ts";
import { controlSocketCandidates } from "../../peer/daemon/control-socket-path.ts";
import type { Operations } from "../../peer/messaging/operations.ts";
import { type BenchOptions, launchOptions, namingServerPath, Program, p2pchatPath } from "./program.ts";
import { startRelay } from "./relay.ts";

const CONNECT_TIMEOUT_MS = 5000;
const LOOK_AGAIN_MS = 20;

/** A directory of its own on the disk that is measured, gone with the town. */
export class Town implements AsyncDisposable {
  readonly home = mkdtempSync(join(tmpdir(), "p2pchat-bench-"));
  readonly #options: BenchOptions;
  readonly #cleanup = new AsyncDisposableStack();
  #url = "";
  #relay: string | undefined;

  private constructor(options: BenchOptions) {
    this.#options = options;
    this.#cleanup.defer(() => rmSync(this.home, { recursive: true, force: true }));
  }

  /** Begins with a naming server and a name for each. */
  static async found(options: BenchOptions, names: readonly string[]): Promise<Town> {
    const town = new Town(options);
    const server = await startNamingServer(options, join(town.home, "naming.db"));
    town.#cleanup.use(server.program);
    town.#url = server.url;
    for (const name of names) await town.run(name, ["register", name, "--server", server.url, "--no-passphrase"]);
    return town;
  }

  /** The command line of a person's one-shot command. */
  command(name: string, args: readonly string[]): string[] {
    const path = p2pchatPath(this.#options.origin);
    return [...launchOptions(path), path, "--home", this.home, "--profile", name, ...args];
  }

  /** Nothing of the caller's own set-up; compiled code is kept in the town. */
  get environment(): NodeJS.ProcessEnv {
    const relays = this.#relay === undefined ? {} : { P2PCHAT_RELAYS: this.#relay };
    return { PATH: process.env["PATH"], HOME: this.home, P2PCHAT_SERVER: this.#url, ...relays };
  }

  async run(name: string, args: readonly string[]): Promise<void> {
    await new Program(this.command(name, args), this.environment).finished();
  }

  /** From now on everybody uses this relay, at the multiaddr that is answered, and no other. */
  async addRelay(): Promise<string> {
    const { program, address } = await startRelay(this.#options, join(this.home, "relay"));
    this.#cleanup.use(program);
    this.#relay = address;
    return address;
  }

  /** Resolves once that daemon's mailbox at the relay is open. */
  async mailboxOpen(daemon: Daemon): Promise<void> {
    const { status } = await daemon.connect();
    while (!(await status()).mailboxes.some(({ open }) => open)) await sleep(LOOK_AGAIN_MS);
  }

  /** Starts `listen` and waits until it is reachable; it ends with the town at the latest. */
  async listen(name: string, flags: readonly string[] = []): Promise<Daemon> {
    const args = [...this.#options.nodeOptions, ...this.command(name, ["listen", "--json", ...flags])];
    const program = this.#cleanup.use(new Program(args, this.environment));
    const ready = JSON.parse(await program.lines('"type":"ready"')) as { peerId: string };
    return new Daemon({ name, program, peerId: ready.peerId, directory: join(this.home, name) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup.disposeAsync();
  }
}

type Facts = {
  readonly name: string;
  readonly program: Program;
  readonly peerId: string;
  readonly directory: string;
};

/** A `listen` that runs, and calls through its control socket. */
export class Daemon implements AsyncDisposable {
  readonly name: string;
  readonly program: Program;
  readonly peerId: string;
  readonly #facts: Facts;
  readonly #clients: ControlClient[] = [];

  constructor(facts: Facts) {
    this.name = facts.name;
    this.program = facts.program;
    this.peerId = facts.peerId;
    this.#facts = facts;
  }

  /** A connection that stays open. */
  async connect(): Promise<Operations> {
    const { peerId, directory } = this.#facts;
    const paths = controlSocketCandidates(directory, {});
    const signal = new AbortController().signal;
    const client = await connectToDaemon({ paths, peerId, timeoutMs: CONNECT_TIMEOUT_MS, signal });
    if (client === undefined) throw new Error(`the daemon of ${this.name} does not answer`);
    this.#clients.push(client);
    return client.operations;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.program[Symbol.asyncDispose]();
  }
}

/**
 * Starts the naming server itself on a free port.
 *
 * @param database  a file, or the URL of a PostgreSQL
 */
export async function startNamingServer(
  { origin }: Pick<BenchOptions, "origin">,
  database: string,
  publicUrl?: string,
): Promise<{ program: Program; url: string }> {
  const path = namingServerPath(origin);
  const audience = publicUrl === undefined ? [] : ["--public-url", publicUrl];
  const databaseUrl = database.includes("://") ? database : `sqlite:${database}`;
  const flags = ["--port", "0", "--database-url", databaseUrl, ...audience];
  const program = new Program(
    [...launchOptions(path), path, ...flags, "--log-level", "warn", "--rate-limit-factor", "1000000"],
    {
      PATH: process.env["PATH"],
    },
  );
  const line = await program.lines("naming server listening on ");
  return { program, url: line.replace(/.*listening on /, "") };
}

/** Each writes to the other once: strangers may send only a few messages. */
export async function introduce(one: Daemon, other: Daemon): Promise<void> {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    const { state } = await (await from.connect()).send({
      to: to.name,
      text: "hello",
      wait: "stored",
      timeoutMs: 20_000,
    });
    if (state !== "stored") throw new Error(`${from.name} does not reach ${to.name}`);
  }
}
