import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chownSync, existsSync, globSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { afterAll, beforeAll } from "vitest";

const START_TIMEOUT_MS = 30_000;
const LOOK_AGAIN_MS = 20;

/** Debian's, or whatever is on the path. */
function findBinaries(): string | undefined {
  const [newest] = globSync("/usr/lib/postgresql/*/bin/initdb").sort().reverse();
  const onPath = (process.env["PATH"] ?? "").split(":").map((directory) => join(directory, "initdb"));
  const initdb = newest ?? onPath.find((path) => existsSync(path));
  return initdb === undefined ? undefined : dirname(realpathSync(initdb));
}

const EXTERNAL_URL = process.env["TEST_DATABASE_URL"];
const BINARIES = findBinaries();

/** PostgreSQL refuses to run as root: then it runs as the user that Debian's package makes for it. */
const OWNER = process.geteuid?.() === 0 ? { uid: idOf("-u"), gid: idOf("-g") } : undefined;

function idOf(flag: "-u" | "-g"): number {
  const { status, stdout } = spawnSync("id", [flag, "postgres"], { encoding: "utf8" });
  return status === 0 ? Number(stdout) : Number.NaN;
}

function canStartClusters(): boolean {
  return BINARIES !== undefined && !(OWNER !== undefined && Number.isNaN(OWNER.uid));
}

/** Whether there is a PostgreSQL to test with; says so where there is none. */
export function hasPostgres(): boolean {
  const there = EXTERNAL_URL !== undefined || canStartClusters();
  if (!there) console.warn("SKIPPING what needs PostgreSQL: install Debian's postgresql, or set TEST_DATABASE_URL");
  return there;
}

/** Whether there is one that a test may stop, kill and start again. */
export function hasOwnPostgres(): boolean {
  const there = canStartClusters();
  if (!there) console.warn("SKIPPING what stops and starts PostgreSQL: install Debian's postgresql");
  return there;
}

/** PostgreSQL for the tests of one file. */
export class TestPostgres {
  #url = EXTERNAL_URL ?? "";
  #cluster: Cluster | undefined;

  /** One for all tests of the calling file, begun before them and ended after them. */
  static forFile({ own = false } = {}): TestPostgres {
    const postgres = new TestPostgres();
    beforeAll(async () => {
      if (own ? canStartClusters() : hasPostgres()) await postgres.start(own);
    }, START_TIMEOUT_MS);
    afterAll(() => postgres.stop());
    return postgres;
  }

  async start(own: boolean): Promise<void> {
    if (EXTERNAL_URL !== undefined && !own) return;
    this.#cluster = await Cluster.create();
    this.#url = this.#cluster.url;
  }

  async stop(): Promise<void> {
    await this.#cluster?.dispose();
  }

  get cluster(): Cluster {
    if (this.#cluster === undefined) throw new Error("this PostgreSQL is not the tests' own");
    return this.#cluster;
  }

  /** The URL of an empty schema: to the naming server a database of its own. */
  async createDatabase(): Promise<string> {
    const schema = `t_${randomUUID().replaceAll("-", "")}`;
    await this.run(this.#url, `CREATE SCHEMA ${schema}`);
    const url = new URL(this.#url);
    url.searchParams.set("options", `-csearch_path=${schema}`);
    return url.href;
  }

  /** Runs SQL on a connection of its own. */
  async run(url: string, sql: string): Promise<Record<string, unknown>[]> {
    const client = new Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }
}

/** A throw-away cluster on a free port of loopback. It ends with this process, however that ends. */
class Cluster {
  readonly #directory: string;
  readonly #port: number;
  #server: ChildProcess | undefined;

  private constructor(directory: string, port: number) {
    this.#directory = directory;
    this.#port = port;
  }

  static async create(): Promise<Cluster> {
    const directory = realpathSync(mkdtempSync(join(tmpdir(), "p2pchat-postgres-")));
    if (OWNER !== undefined) chownSync(directory, OWNER.uid, OWNER.gid);
    const cluster = new Cluster(directory, await freePort());
    const initdb = ["-D", cluster.#files, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
    const [code] = await once(cluster.#spawn("initdb", initdb), "exit");
    if (code !== 0) throw new Error(`initdb ended with ${code}`);
    await cluster.start();
    return cluster;
  }

  get #files(): string {
    return join(this.#directory, "files");
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.#port}/postgres`;
  }

  /** Processes that die lose nothing without fsync, only machines do. */
  async start(): Promise<void> {
    const settings = { port: this.#port, listen_addresses: "127.0.0.1", unix_socket_directories: "", fsync: "off" };
    const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    this.#server = this.#spawn("postgres", ["-D", this.#files, ...flags]);
    const giveUpAtMs = performance.now() + START_TIMEOUT_MS;
    while (!(await this.#answers())) {
      if (this.#server.exitCode !== null || performance.now() > giveUpAtMs) throw new Error("PostgreSQL did not start");
      await delay(LOOK_AGAIN_MS);
    }
  }

  /** `fast` ends every connection; `immediate` is a crash: the next start recovers. */
  async stop(how: "fast" | "immediate"): Promise<void> {
    const server = this.#server;
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, "exit");
    server.kill(how === "fast" ? "SIGINT" : "SIGQUIT");
    await ended;
  }

  async dispose(): Promise<void> {
    await this.stop("immediate");
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #answers(): Promise<boolean> {
    const client = new Client({ connectionString: this.url });
    client.on("error", () => {});
    try {
      await client.connect();
      return true;
    } catch {
      return false;
    } finally {
      await client.end();
    }
  }

  #spawn(program: string, args: readonly string[]): ChildProcess {
    const user = OWNER === undefined ? [] : [`--reuid=${OWNER.uid}`, `--regid=${OWNER.gid}`, "--init-groups"];
    const command = [...user, "--pdeathsig=SIGQUIT", join(BINARIES ?? "", program), ...args];
    return spawn("setpriv", command, {
      cwd: this.#directory,
      stdio: "ignore",
      env: { PATH: process.env["PATH"], LC_ALL: "C" },
    });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
