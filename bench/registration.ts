import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LoadOrder, LoadResult } from "./support/http-load.ts";
import { AUDIENCE, fillDatabase, nameOf, newRecord, signIn } from "./support/names.ts";
import { cpuMs } from "./support/process-facts.ts";
import { type BenchOptions, Program, pathTo } from "./support/program.ts";
import type { Row } from "./support/report.ts";
import { ratios, summarise } from "./support/statistics.ts";
import { startNamingServer } from "./support/town.ts";
import { Worker } from "./support/worker.ts";

const ROUNDS = 5;
const REQUESTS = 6000;
/** More, since each takes so little: in a short burst the first ones, and the clock's steps, would count for too much. */
const REFERENCE_REQUESTS = 25_000;
const CONNECTIONS = 32;
/** Each waits for the checkpoint that covers it, at most a second. */
const REGISTRATIONS = 1500;
const WAITING_CONNECTIONS = 500;

type Loader = Worker<LoadOrder, LoadResult>;
type Subject = { readonly pid: number; readonly url: string; readonly expect: string; readonly connections: number };

/** What a look-up costs that is not in memory, and a registration with its signatures, its fsync and its place in the log. */
export async function measureRegistration({ origin }: BenchOptions): Promise<Row[]> {
  await using cleanup = new AsyncDisposableStack();
  const home = mkdtempSync(join(tmpdir(), "p2pchat-bench-"));
  cleanup.defer(() => rmSync(home, { recursive: true, force: true }));
  const databasePath = join(home, "naming.db");
  const [caller] = await fillDatabase(databasePath, ROUNDS * REQUESTS);
  const { program, url } = await startNamingServer({ origin }, databasePath, AUDIENCE);
  cleanup.use(program);
  const hello = cleanup.use(new Program([pathTo("bench/support/hello-server.ts")], { PATH: process.env["PATH"] }));
  const helloUrl = (await hello.lines("listening on")).replace(/.*listening on /, "");
  const loader = cleanup.use(new Worker<LoadOrder, LoadResult>("./http-load.ts"));
  const authorization = `authorization: Bearer ${await signIn(url, caller)}`;

  const reference = { pid: hello.pid, url: helloUrl, expect: "HTTP/1.1 200", connections: CONNECTIONS };
  const look = { pid: program.pid, url, expect: "HTTP/1.1 200", connections: CONNECTIONS };
  const register = { ...look, expect: "HTTP/1.1 201", connections: WAITING_CONNECTIONS };
  const micros = { reference: [] as number[], look: [] as number[], register: [] as number[] };
  const greetings = Array(REFERENCE_REQUESTS).fill(get("/hello"));
  await measure(loader, reference, greetings);
  for (let round = 0; round < ROUNDS; round += 1) {
    micros.reference.push(await measure(loader, reference, greetings));
    const names = Array.from({ length: REQUESTS }, (_, index) => nameOf(round * REQUESTS + index));
    micros.look.push(
      await measure(
        loader,
        look,
        names.map((name) => get(`/v1/names/${name}`, authorization)),
      ),
    );
    micros.register.push(await measure(loader, register, await registrations(round)));
  }
  return rowsOf(micros);
}

/** Microseconds of CPU for one of these requests, each of which is sent once. */
async function measure(loader: Loader, { pid, url, expect, connections }: Subject, texts: readonly string[]) {
  const before = cpuMs(pid);
  const requests = texts.length;
  await loader.ask({ port: Number(new URL(url).port), connections, requests, texts, expect });
  return ((cpuMs(pid) - before) * 1000) / requests;
}

function get(path: string, ...headers: readonly string[]): string {
  return [`GET ${path} HTTP/1.1`, "host: 127.0.0.1", ...headers, "", ""].join("\r\n");
}

async function registrations(round: number): Promise<string[]> {
  const names = Array.from({ length: REGISTRATIONS }, (_, index) => `newcomer-${round}-${index}`);
  return Promise.all(
    names.map(async (name) => {
      const record = await newRecord(name);
      const length = `content-length: ${record.length}`;
      const head = [`PUT /v1/names/${name} HTTP/1.1`, "host: 127.0.0.1", "content-type: application/jose", length];
      return [...head, "", record].join("\r\n");
    }),
  );
}

function rowsOf({ reference, look, register }: Record<"reference" | "look" | "register", number[]>): Row[] {
  return [
    {
      measure: "look-up that is not in memory / bare Express, by CPU",
      unit: "x",
      ...ratios(reference, look),
      target: { atLeast: 0.6 },
    },
    {
      measure: "registration / bare Express, by CPU",
      unit: "x",
      ...ratios(reference, register),
      target: { atLeast: 0.08 },
    },
    { measure: "bare Express: CPU a request", unit: "µs", ...summarise(reference) },
    { measure: "look-up that is not in memory: CPU", unit: "µs", ...summarise(look) },
    { measure: "registration: CPU", unit: "µs", ...summarise(register) },
  ];
}
