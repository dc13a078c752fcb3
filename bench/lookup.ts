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

type Subject = {
  readonly name: string;
  readonly pid: number;
  readonly order: Omit<LoadOrder, "requests" | "connections">;
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
  const reference = subject("bare Express", hello.pid, helloUrl, [request("/hello")], "HTTP/1.1 200");
  const lookups = [
    subject(
      "look-up",
      pid,
      server.url,
      strewn.map((index) => get(index)),
      "HTTP/1.1 200",
    ),
    subject("look-up of one name", pid, server.url, [get(1)], "HTTP/1.1 200"),
    subject("look-up, not modified", pid, server.url, [get(1, `if-none-match: ${tag}`)], "HTTP/1.1 304"),
  ];
  const all = [reference, ...lookups];
  for (const { order } of all) await load.ask({ ...order, connections: CONNECTIONS, requests: WARM_UP_REQUESTS });
  for (let round = 0; round < ROUNDS; round += 1) for (const one of all) await measure(load, one);
  return [...lookups.flatMap((one, index) => compare(one, reference, index === 0)), ...all.flatMap(absolute)];
}

function subject(name: string, pid: number, url: string, texts: readonly string[], expect: string): Subject {
  const order = { port: Number(new URL(url).port), texts, expect };
  return { name, pid, order, perSecond: [], cpuMicros: [], p50Micros: [] };
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
function compare(one: Subject, reference: Subject, hasTarget: boolean): Row[] {
  const target = hasTarget ? { target: { atLeast: 0.5 } } : {};
  return [
    {
      measure: `${one.name} / bare Express, by CPU`,
      unit: "x",
      ...ratios(reference.cpuMicros, one.cpuMicros),
      ...target,
    },
    {
      measure: `${one.name} / bare Express, by wall clock`,
      unit: "x",
      ...ratios(one.perSecond, reference.perSecond),
      ...target,
    },
  ];
}

function absolute({ name, perSecond, cpuMicros, p50Micros }: Subject): Row[] {
  return [
    { measure: `${name}: requests`, unit: "/s", ...summarise(perSecond) },
    { measure: `${name}: CPU a request`, unit: "µs", ...summarise(cpuMicros) },
    { measure: `${name}: p50 of ${CONNECTIONS} at once`, unit: "µs", ...summarise(p50Micros) },
  ];
}
