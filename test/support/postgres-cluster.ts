import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, globSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { selfSigned } from "./certificate.ts";

export const START_TIMEOUT_MS = 30_000;
const READY = "database system is ready to accept connections";

const BINARIES = findBinaries();

/** PostgreSQL refuses to run as root: then it runs as the user that Debian's package makes for it. */
const OWNER = process.geteuid?.() === 0 ? { uid: idOf("-u"), gid: idOf("-g") } : undefined;

function idOf(flag: "-u" | "-g"): number {
  const { status, stdout } = spawnSync("id", [flag, "postgres"], { encoding: "utf8" });
  return status === 0 ? Number(stdout) : Number.NaN;
}

export function canStartClusters(): boolean {
  return BINARIES !== undefined && !(OWNER !== undefined && Number.isNaN(OWNER.uid));
}

/** Debian's, or whatever is on the path. */
function findBinaries(): string | undefined {
  const [newest] = globSync("/usr/lib/postgresql/*/bin/initdb").sort().reverse();
  const onPath = (process.env["PATH"] ?? "").split(":").map((directory) => join(directory, "initdb"));
  const initdb = newest ?? onPath.find((path) => existsSync(path));
  return initdb === undefined ? undefined : dirname(realpathSync(initdb));
}

/** A throw-away cluster on a free port of loopback. It ends with this process, however that ends. */
export class PostgresCluster implements AsyncDisposable {
  readonly #directory: string;
  readonly #port: number;
  readonly #fsync: boolean;
  #server: ChildProcessByStdio<null, null, Readable> | undefined;

  private constructor({ directory, port, fsync }: { directory: string; port: number; fsync: boolean }) {
    this.#directory = directory;
    this.#port = port;
    this.#fsync = fsync;
  }

  /** Without `fsync`, processes that die lose nothing, only machines do. */
  static async create({ fsync = false } = {}): Promise<PostgresCluster> {
    const directory = realpathSync(mkdtempSync(join(tmpdir(), "p2pchat-postgres-")));
    if (OWNER !== undefined) chownSync(directory, OWNER.uid, OWNER.gid);
    const cluster = new PostgresCluster({ directory, port: await freePort(), fsync });
    const initdb = ["-D", cluster.#files, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
    const [code] = await once(cluster.#spawn("initdb", initdb), "exit");
    if (code !== 0) throw new Error(`initdb ended with ${code}`);
    cluster.#writeCertificate();
    await cluster.start();
    return cluster;
  }

  get #files(): string {
    return join(this.#directory, "files");
  }

  /** Of the certificate for 127.0.0.1 that it shows to whoever asks for TLS. */
  get certificatePath(): string {
    return join(this.#files, "server.crt");
  }

  #writeCertificate(): void {
    const { cert, key } = selfSigned();
    for (const [name, pem] of Object.entries({ "server.crt": cert, "server.key": key })) {
      const path = join(this.#files, name);
      writeFileSync(path, pem, { mode: 0o600 });
      if (OWNER !== undefined) chownSync(path, OWNER.uid, OWNER.gid);
    }
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.#port}/postgres`;
  }

  get pid(): number {
    return this.#server?.pid ?? 0;
  }

  async start(): Promise<void> {
    const fsync = this.#fsync ? "on" : "off";
    const settings = { port: this.#port, listen_addresses: "127.0.0.1", unix_socket_directories: "", fsync, ssl: "on" };
    const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    this.#server = this.#spawn("postgres", ["-D", this.#files, ...flags]);
    await untilReady(this.#server);
  }

  /** `fast` ends every connection; `immediate` is a crash: the next start recovers. */
  async stop(how: "fast" | "immediate"): Promise<void> {
    const server = this.#server;
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, "exit");
    server.kill(how === "fast" ? "SIGINT" : "SIGQUIT");
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("immediate");
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #spawn(program: string, args: readonly string[]): ChildProcessByStdio<null, null, Readable> {
    const user = OWNER === undefined ? [] : [`--reuid=${OWNER.uid}`, `--regid=${OWNER.gid}`, "--init-groups"];
    const command = [...user, "--pdeathsig=SIGQUIT", join(BINARIES ?? "", program), ...args];
    return spawn("setpriv", command, {
      cwd: this.#directory,
      stdio: ["ignore", "ignore", "pipe"],
      env: { PATH: process.env["PATH"], LC_ALL: "C" },
    });
  }
}

/** Its log says when it takes connections; what it says later is read too, so that it never waits for a reader. */
function untilReady(server: ChildProcessByStdio<null, null, Readable>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(), START_TIMEOUT_MS);
    const fail = () => {
      clearTimeout(timer);
      reject(new Error("PostgreSQL did not start"));
    };
    createInterface({ input: server.stderr })
      .on("line", (line) => {
        if (!line.includes(READY)) return;
        clearTimeout(timer);
        resolve();
      })
      .once("close", fail);
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
