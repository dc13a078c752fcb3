import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { migrateStore } from "../naming-server/migrate-store.ts";
import { canStartClusters, PostgresCluster } from "../test/support/postgres-cluster.ts";
import type { LoadOrder, LoadResult } from "./support/http-load.ts";
import { AUDIENCE, fillDatabase, type Member, nameOf, signIn } from "./support/names.ts";
import { cpuMs } from "./support/process-facts.ts";
import { type BenchOptions, Program, pathTo } from "./support/program.ts";
import type { Row } from "./support/report.ts";
import { ratios, summarise } from "./support/statistics.ts";
import { startNamingServer } from "./support/town.ts";
import { Worker } from "./support/worker.ts";

const CONNECTIONS = 64;
const REQUESTS = 12_000;
const WARM_UP_ROUNDS = 3;
const ROUNDS = 7;
/** Longer than an instance goes without asking what others wrote. */
const FORGET_MS = 1_100;

type Loader = Worker<LoadOrder, LoadResult>;
type Target = { readonly url: string; readonly pid: number; readonly loader: Loader };
type Round = { readonly cpuMicros: number; readonly databaseMicros: number; readonly perSecond: number };

/** Look-ups that no instance has in its memory, by one and by two instances over one PostgreSQL. */
export async function measurePostgres({ origin }: BenchOptions): Promise<Row[]> {
  if (!canStartClusters()) {
    console.warn("SKIPPING PostgreSQL: install Debian's postgresql");
    return [];
  }
  await using cleanup = new AsyncDisposableStack();
  const cluster = cleanup.use(await PostgresCluster.create({ fsync: true }));
  const caller = await fillPostgres(cluster.url);
  const hello = cleanup.use(new Program([pathTo("bench/support/hello-server.ts")], { PATH: process.env["PATH"] }));
  const helloUrl = (await hello.lines("listening on")).replace(/.*listening on /, "");
  const servers = [
    await startNamingServer({ origin }, cluster.url, AUDIENCE),
    await startNamingServer({ origin }, cluster.url, AUDIENCE),
  ];
  for (const { program } of servers) cleanup.use(program);
  const loaders = [0, 1].map(() => cleanup.use(new Worker<LoadOrder, LoadResult>("./http-load.ts")));
  const [loader] = loaders;
  if (loader === undefined) throw new Error("a loader");
  const targets = servers.flatMap(({ program, url }, index) => {
    const own = loaders[index];
    return own === undefined ? [] : [{ url, pid: program.pid, loader: own }];
  });
  const authorization = `authorization: Bearer ${await signIn(servers[0]?.url ?? "", caller)}`;
  const look = (index: number) => request(`/v1/names/${nameOf(index)}`, authorization);
  const greeting = () => request("/hello");
  const bench = { cluster, targets, look };
  const references: Round[] = [];
  const [ones, twos]: [Round[], Round[]] = [[], []];
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round += 1) {
    references.push(await measure(cluster, [{ url: helloUrl, pid: hello.pid, loader }], greeting));
    ones.push(await measureForgetful(bench, 1));
    twos.push(await measureForgetful(bench, 2));
  }
  const warm = (rounds: readonly Round[]) => rounds.slice(WARM_UP_ROUNDS);
  return rowsOf(warm(references), warm(ones), warm(twos));
}

/** By way of SQLite, which takes so many names faster. */
async function fillPostgres(url: string): Promise<Member> {
  const home = mkdtempSync(join(tmpdir(), "p2pchat-bench-"));
  try {
    const file = join(home, "naming.db");
    const [caller] = await fillDatabase(file, REQUESTS);
    await migrateStore({ from: `sqlite:${file}`, to: url });
    return caller;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

type Bench = { cluster: PostgresCluster; targets: readonly Target[]; look: (index: number) => string };

/** Each name once, after another instance seems to have written. */
async function measureForgetful({ cluster, targets, look }: Bench, instances: number): Promise<Round> {
  const client = new Client({ connectionString: cluster.url });
  await client.connect();
  await client.query(
    `INSERT INTO writes (instance, slot, count, at) VALUES ('bench', 0, 1, 0)
     ON CONFLICT (instance, slot) DO UPDATE SET count = writes.count + 1`,
  );
  await client.query("VACUUM ANALYZE");
  await client.end();
  await sleep(FORGET_MS);
  return measure(cluster, targets.slice(0, instances), look);
}

async function measure(
  cluster: PostgresCluster,
  targets: readonly Target[],
  text: (index: number) => string,
): Promise<Round> {
  const each = REQUESTS / targets.length;
  const before = targets.map(({ pid }) => cpuMs(pid));
  const databaseBefore = clusterCpuMs(cluster.pid);
  const results = targets.map(({ url, loader }, share) => {
    const texts = Array.from({ length: each }, (_, index) => text(share * each + index));
    const connections = CONNECTIONS;
    return loader.ask({ port: Number(new URL(url).port), connections, requests: each, texts, expect: "HTTP/1.1 200" });
  });
  const wallMs = Math.max(...(await Promise.all(results)).map((result) => result.wallMs));
  const used = targets.reduce((sum, { pid }, index) => sum + cpuMs(pid) - (before[index] ?? 0), 0);
  const databaseMicros = ((clusterCpuMs(cluster.pid) - databaseBefore) * 1000) / REQUESTS;
  return { cpuMicros: (used * 1000) / REQUESTS, databaseMicros, perSecond: (REQUESTS * 1000) / wallMs };
}

/** Of PostgreSQL and its children that live. */
function clusterCpuMs(pid: number): number {
  const children = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry) && parentOf(entry) === pid);
  return children.reduce((sum, child) => sum + cpuMs(Number(child)), cpuMs(pid));
}

function parentOf(pid: string): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined;
  }
}

function request(path: string, ...headers: readonly string[]): string {
  return [`GET ${path} HTTP/1.1`, "host: 127.0.0.1", ...headers, "", ""].join("\r\n");
}

/** How much two serve by CPU: twice one, less what each look-up costs more where there are two. */
function rowsOf(references: readonly Round[], ones: readonly Round[], twos: readonly Round[]): Row[] {
  const cpu = (rounds: readonly Round[], times = 1) => rounds.map(({ cpuMicros }) => cpuMicros * times);
  const perSecond = (rounds: readonly Round[]) => rounds.map((round) => round.perSecond);
  const database = (rounds: readonly Round[]) => rounds.map(({ databaseMicros }) => databaseMicros);
  const look = "uncached look-up in PostgreSQL";
  return [
    {
      measure: `${look} / bare Express, by CPU`,
      unit: "x",
      ...ratios(cpu(references), cpu(ones)),
      target: { atLeast: 0.6 },
    },
    { measure: "two instances / one, by CPU", unit: "x", ...ratios(cpu(ones, 2), cpu(twos)), target: { atLeast: 1.6 } },
    { measure: "two instances / one, by wall clock", unit: "x", ...ratios(perSecond(twos), perSecond(ones)) },
    { measure: `${look}: CPU a request`, unit: "µs", ...summarise(cpu(ones)) },
    { measure: `${look}: CPU a request in PostgreSQL`, unit: "µs", ...summarise(database(ones)) },
    { measure: `${look}: requests`, unit: "/s", ...summarise(perSecond(ones)) },
    { measure: `${look}: requests to two instances`, unit: "/s", ...summarise(perSecond(twos)) },
    { measure: "bare Express: CPU a request", unit: "µs", ...summarise(cpu(references)) },
  ];
}
