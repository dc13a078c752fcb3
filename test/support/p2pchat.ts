import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { onTestFinished } from "vitest";
import type { Ahead } from "../../peer/messaging/operations/feed.ts";
import { type Answer, Person as OwnPerson } from "../../peer/sandbox/person.ts";
import { type LyingServer, startLyingServer } from "./lying-server.ts";
import { type Options, startTestServer, type TestServer } from "./naming-server.ts";
import { Program, type StartOptions } from "./program.ts";
import { PROGRAMS } from "./programs.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/*
 * The product as its users have it: real processes, a real naming server, real disk and loopback. Everything is gone
 * with the test.
 */

export type { Answer, RunOptions } from "../../peer/sandbox/person.ts";

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
export class Person extends OwnPerson {
  readonly world: World;

  constructor(world: World, name: string, env: Readonly<Record<string, string>>) {
    const start = (command: readonly string[], options: StartOptions) => new Program(command, options);
    const environment = {
      PATH: process.env["PATH"] ?? "",
      HOME: world.directory,
      TMPDIR: world.temporary,
      P2PCHAT_HOME: world.home,
      P2PCHAT_PROFILE: name,
      NODE_COMPILE_CACHE: PROGRAMS.codeCache,
      ...env,
    };
    super({
      name,
      server: () => world.url,
      program: PROGRAMS.p2pchat,
      env: environment,
      directory: world.directory,
      start,
    });
    this.world = world;
  }

  get home(): string {
    return this.environment()["P2PCHAT_HOME"] ?? this.world.home;
  }

  /** Under this name, which a profile of another name may have too. */
  override get profile(): string {
    return join(this.home, this.name);
  }

  /** It waits longer than usual, as a busy machine needs. */
  override send(to: string, text: string, ...options: readonly string[]): Promise<Answer> {
    const patience = options.includes("--timeout") ? [] : ["--timeout", "20s"];
    return super.send(to, text, ...patience, ...options);
  }

  /** Looks past the lock, into the database of a profile that a command may be using. */
  countRows(table: "outbox" | "inbox" | "parcels"): number {
    using database = new DatabaseSync(join(this.profile, "chat.db"), { readOnly: true });
    return Number(database.prepare(`SELECT count(*) AS rows FROM ${table}`).get()?.["rows"]);
  }

  /** What a reader of the feed has kept beside its place, as it is on disk. */
  aheadOf(reader: string): Ahead | undefined {
    using database = new DatabaseSync(join(this.profile, "chat.db"), { readOnly: true });
    const kept = database.prepare("SELECT ahead FROM cursors WHERE reader = ?").get(reader)?.["ahead"];
    return kept == null ? undefined : JSON.parse(String(kept));
  }

  /** Where a reader of the feed stands, as it is on disk. */
  placeOf(reader: string): number {
    using database = new DatabaseSync(join(this.profile, "chat.db"), { readOnly: true });
    return Number(database.prepare("SELECT cursor FROM cursors WHERE reader = ?").get(reader)?.["cursor"]);
  }
}
