import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LoadOrder, LoadResult } from "./support/http-load.ts";
import { AUDIENCE, fillDatabase, nameOf, signIn } from "./support/names.ts";
import { cpuMs } from "./support/process-facts.ts";
import { type BenchOptions, Program, pathTo } from "./support/program.ts";
import type { Row } from "./support/report.ts";
import { ratios, summarise } from "./support/statistics.ts";
import { startNamingServer } from "./support/town.ts";
import { Worker } from "./support/worker.ts";

const NAMES = 10_000;
const CONNECTIONS = 32;
const REQUESTS = 25_000;
const WARM_UP_REQUESTS = 6000;
const ROUNDS = 7;
const CALM_SHARE = 0.7;

type Subject = {
  readonly name: string;
  readonly pid: number;
  readonly order: Omit<LoadOrder, "requests" | "connections">;
  readonly target: number | undefined;
  readonly perSecond: number[];
  readonly cpuMicros: number[];
  readonly p50Micros: number[];
};

/** Authenticated look-ups by the naming server as it ships, against the least that Express can do. */
export async function measureLookup({ origin }: BenchOptions): Promise<Row[]> {
  await using cleanup = new AsyncDisposableStack();
  const home = mkdtempSync(join(tmpdir(), "p2pchat-bench-"));
  cleanup.defer(() => rmSync(home, { recursive: true, force: true }));
  const databasePath = join(home, "naming.db");
  const [caller] = await fillDatabase(databasePath, NAMES);
  const server = await startNamingServer({ origin }, databasePath, AUDIENCE);
  cleanup.use(server.program);
  const hello = cleanup.use(new Program([pathTo("bench/support/hello-server.ts")], { PATH: process.env["PATH"] }));
  const helloUrl = (await hello.lines("listening on")).replace(/.*listening on /, "");
  const load = cleanup.use(new Worker<LoadOrder, LoadResult>("./http-load.ts"));

  const authorization = `authorization: Bearer ${await signIn(server.url, caller)}`;
  const get = (index: number, ...more: string[]) => request(`/v1/names/${nameOf(index)}`, authorization, ...more);
  const strewn = Array.from({ length: NAMES }, () => randomInt(NAMES));
  const tag = await etagOf(`${server.url}/v1/names/${nameOf(1)}`, authorization);
  const { pid } = server.program;
  const { url } = server;
  const [greeting, found] = [[request("/hello")], "HTTP/1.1 200"];
  const reference = subject({ name: "bare Express", pid: hello.pid, url: helloUrl, texts: greeting, expect: found });
  const many = strewn.map((index) => get(index));
  const again = [get(1, `if-none-match: ${tag}`)];
  const lookups = [
    subject({ name: "look-up", pid, url, texts: many, expect: found, target: 0.9 }),
    subject({ name: "look-up of one name", pid, url, texts: [get(1)], expect: found }),
    subject({ name: "look-up, not modified", pid, url, texts: again, expect: "HTTP/1.1 304", target: 1.1 }),
  ];
  const all = [reference, ...lookups];
  for (const { order } of all) await load.ask({ ...order, connections: CONNECTIONS, requests: WARM_UP_REQUESTS });
  for (let round = 0; round < ROUNDS; round += 1) for (const one of all) await measure(load, one);
  const [first] = lookups;
  const calm = first === undefined ? [] : [await measureCalm(load, first)];
  return [...lookups.flatMap((one) => compare(one, reference)), ...calm, ...all.flatMap(absolute)];
}

/** How long the slowest hundredth takes where the server has something to spare. */
async function measureCalm(load: Worker<LoadOrder, LoadResult>, { order, perSecond }: Subject): Promise<Row> {
  const rate = summarise(perSecond).median * CALM_SHARE;
  const samples: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const { p99Ms } = await load.ask({ ...order, connections: CONNECTIONS, requests: REQUESTS, perSecond: rate });
    samples.push(p99Ms);
  }
  return { measure: "look-up: p99 at 70 % of the most", unit: "ms", ...summarise(samples), target: { atMost: 20 } };
}

type Asked = Pick<Subject, "name" | "pid"> & {
  readonly url: string;
  readonly texts: readonly string[];
  readonly expect: string;
  /** At least so many times as fast as the reference. */
  readonly target?: number;
};

function subject({ name, pid, url, texts, expect, target }: Asked): Subject {
  const order = { port: Number(new URL(url).port), texts, expect };
  return { name, pid, order, target, perSecond: [], cpuMicros: [], p50Micros: [] };
}

function request(path: string, ...headers: readonly string[]): string {
  return [`GET ${path} HTTP/1.1`, "host: 127.0.0.1", ...headers, "", ""].join("\r\n");
}

async function etagOf(url: string, authorization: string): Promise<string> {
  const response = await fetch(url, { headers: { authorization: authorization.replace("authorization: ", "") } });
  await response.text();
  return response.headers.get("etag") ?? "";
}

async function measure(load: Worker<LoadOrder, LoadResult>, one: Subject): Promise<void> {
  const before = cpuMs(one.pid);
  const { wallMs, p50Ms } = await load.ask({ ...one.order, connections: CONNECTIONS, requests: REQUESTS });
  one.cpuMicros.push(((cpuMs(one.pid) - before) * 1000) / REQUESTS);
  one.perSecond.push((REQUESTS * 1000) / wallMs);
  one.p50Micros.push(p50Ms * 1000);
}

/** Speeds against the reference: above 1 is faster than it. The CPU time says the same on a machine that is shared. */
function compare({ name, target, cpuMicros, perSecond }: Subject, reference: Subject): Row[] {
  return [
    {
      measure: `${name} / bare Express, by CPU`,
      unit: "x",
      ...ratios(reference.cpuMicros, cpuMicros),
      ...(target !== undefined && { target: { atLeast: target } }),
    },
    { measure: `${name} / bare Express, by wall clock`, unit: "x", ...ratios(perSecond, reference.perSecond) },
  ];
}

function absolute({ name, perSecond, cpuMicros, p50Micros }: Subject): Row[] {
  return [
    { measure: `${name}: requests`, unit: "/s", ...summarise(perSecond) },
    { measure: `${name}: CPU a request`, unit: "µs", ...summarise(cpuMicros) },
    { measure: `${name}: p50 of ${CONNECTIONS} at once`, unit: "µs", ...summarise(p50Micros) },
  ];
}
