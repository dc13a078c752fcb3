import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { onTestFinished } from "vitest";
import { type LyingServer, startLyingServer } from "./lying-server.ts";
import { type Options, startTestServer, type TestServer } from "./naming-server.ts";
import { type Line, type Outcome, Program, type StartOptions } from "./program.ts";
import { PROGRAMS } from "./programs.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/*
 * The product as its users have it: real processes, a real naming server, real disk and loopback. Everything is gone
 * with the test.
 */

export type RunOptions = {
  readonly stdin?: StartOptions["stdin"];
  readonly env?: Readonly<Record<string, string>>;
  /** A command that starts it in turn (strace, unshare, sh). */
  readonly wrapper?: readonly string[];
  /** Another build of it than the sources. */
  readonly program?: string;
  readonly timeoutMs?: number;
};

export type Answer = { readonly exit: number | null; readonly line: Line; readonly stderr: string };

export async function startWorld(options: Options = {}): Promise<World> {
  const world = new World();
  await world.startServer(options);
  return world;
}

/** A world whose naming server can lie. */
export async function startLyingWorld(): Promise<World & { readonly liar: LyingServer }> {
  const liar = await startLyingServer();
  onTestFinished(() => liar.close());
  const world = new World(liar.url);
  liar.forwardTo((await world.startServer()).url);
  return Object.assign(world, { liar });
}

export type Two = { readonly world: World; readonly alice: Person; readonly bob: Person };

/** Alice and Bob are registered; nobody listens. */
export async function strangers(world?: World): Promise<Two> {
  const common = world ?? (await startWorld());
  const register = (name: string) => common.register(name, "--no-passphrase");
  const [alice, bob] = await Promise.all([register("alice"), register("bob")]);
  return { world: common, alice, bob };
}

/** The same, and Bob listens. */
export async function aliceAndBob(world?: World): Promise<Two & { readonly listening: Program }> {
  const two = await strangers(world);
  return { ...two, listening: await two.bob.listen() };
}

/** One naming server and the people who use it. */
export class World {
  readonly directory = temporaryDirectory();
  readonly home = join(this.directory, "home");
  readonly temporary = join(this.directory, "tmp");
  readonly databasePath = join(this.directory, "naming.db");
  #port = 0;
  #server: TestServer | undefined;
  #publicUrl: string | undefined;

  constructor(publicUrl?: string) {
    this.#publicUrl = publicUrl;
    mkdirSync(this.home, { mode: 0o700 });
    mkdirSync(this.temporary, { mode: 0o700 });
  }

  /** How people reach the naming server. */
  get url(): string {
    if (this.#publicUrl === undefined) throw new Error("there is no naming server yet");
    return this.#publicUrl;
  }

  get server(): TestServer {
    if (this.#server === undefined) throw new Error("the naming server is down");
    return this.#server;
  }

  /** Starts the naming server, again under its URL and with its database where it was stopped. */
  async startServer(options: Options = {}): Promise<TestServer> {
    const clock = {
      get nowMs() {
        return Date.now();
      },
    };
    this.#server = await startTestServer({
      publicUrl: this.#publicUrl,
      port: this.#port,
      databasePath: this.databasePath,
      clock,
      ...options,
    });
    this.#port = Number(new URL(this.#server.url).port);
    this.#publicUrl ??= this.#server.url;
    return this.#server;
  }

  async stopServer(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
  }

  /** Somebody with a profile of that name; nothing runs yet. */
  person(name: string, env: Readonly<Record<string, string>> = {}): Person {
    return new Person(this, name, env);
  }

  async register(name: string, ...options: readonly string[]): Promise<Person> {
    const person = this.person(name);
    await person.register(...options);
    return person;
  }
}

/** A person at a terminal of their own: the profile has their name. */
export class Person {
  readonly world: World;
  readonly name: string;
  readonly #env: Readonly<Record<string, string>>;

  constructor(world: World, name: string, env: Readonly<Record<string, string>>) {
    this.world = world;
    this.name = name;
    this.#env = env;
  }

  get home(): string {
    return this.#env["P2PCHAT_HOME"] ?? this.world.home;
  }

  get profile(): string {
    return join(this.home, this.name);
  }

  /** Starts `p2pchat` with these arguments. */
  start(args: readonly string[], options: RunOptions = {}): Program {
    const { stdin = "", env = {}, wrapper = [], program = PROGRAMS.p2pchat } = options;
    const command = [...wrapper, process.execPath, program, ...args];
    return new Program(command, { stdin, directory: this.world.directory, env: { ...this.environment(), ...env } });
  }

  /** Runs `p2pchat` to its end. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return this.start(args, options).outcome(options.timeoutMs);
  }

  /** Runs it with `--json`, for a command that prints one line. */
  async ask(args: readonly string[], options: RunOptions = {}): Promise<Answer> {
    const { code: exit, lines, stdout, stderr } = await this.run(["--json", ...args], options);
    const [line] = lines;
    if (line === undefined || lines.length !== 1) throw new Error(`not one line: ${stdout}\n${stderr}`);
    return { exit, line, stderr };
  }

  /** `p2pchat send`, the text through standard input; it waits longer than usual, as a busy machine needs. */
  send(to: string, text: string, ...options: readonly string[]): Promise<Answer> {
    const patience = options.includes("--timeout") ? [] : ["--timeout", "20s"];
    return this.ask(["send", to, ...patience, ...options], { stdin: text });
  }

  async register(...options: readonly string[]): Promise<void> {
    const { code, stdout, stderr } = await this.run(["register", this.name, "--server", this.world.url, ...options]);
    if (code !== 0) throw new Error(`${this.name} cannot register: ${stdout}${stderr}`);
  }

  /** `p2pchat listen --json`, once it can be reached. */
  async listen(args: readonly string[] = [], options: RunOptions = {}): Promise<Program> {
    const program = this.start(["listen", "--json", ...args], options);
    await program.next(({ type }) => type === "ready");
    return program;
  }

  /** Looks past the lock, into the database of a profile that a command may be using. */
  countRows(table: "outbox" | "inbox" | "parcels"): number {
    using database = new DatabaseSync(join(this.profile, "chat.db"), { readOnly: true });
    return Number(database.prepare(`SELECT count(*) AS rows FROM ${table}`).get()?.["rows"]);
  }

  /** Where a reader of the feed stands, as it is on disk. */
  placeOf(reader: string): number {
    using database = new DatabaseSync(join(this.profile, "chat.db"), { readOnly: true });
    return Number(database.prepare("SELECT cursor FROM cursors WHERE reader = ?").get(reader)?.["cursor"]);
  }

  environment(): Record<string, string> {
    return {
      PATH: process.env["PATH"] ?? "",
      HOME: this.world.directory,
      TMPDIR: this.world.temporary,
      P2PCHAT_HOME: this.world.home,
      P2PCHAT_PROFILE: this.name,
      NODE_COMPILE_CACHE: PROGRAMS.codeCache,
      ...this.#env,
    };
  }
}
