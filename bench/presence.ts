import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AUDIENCE, fillDatabase, type Member, publish, signIn, withdraw } from "./support/names.ts";
import { cpuMs, residentMegabytes } from "./support/process-facts.ts";
import type { BenchOptions } from "./support/program.ts";
import type { Row } from "./support/report.ts";
import { summarise } from "./support/statistics.ts";
import { startNamingServer } from "./support/town.ts";
import type { WatcherCounts, WatcherOrder } from "./support/watcher-load.ts";
import { Worker } from "./support/worker.ts";

const WATCHERS = 5000;
const WATCHERS_PER_DEVICE = 4;
const ONLINE = 200;
/** Long enough for everybody to get the whole list once, which is to be at least every ten seconds. */
const LIST_PERIOD_MS = 10_000;
const LIST_PERIODS = 3;
const CHANGES = 20;
const CHANGE_EVERY_MS = 1000;
const TOKENS_AT_ONCE = 32;

type Bench = {
  readonly url: string;
  readonly pid: number;
  readonly members: readonly Member[];
  readonly tokens: readonly string[];
  readonly watchers: Worker<WatcherOrder, WatcherCounts>;
};

/** Many who watch one instance: what they take, what telling them costs, and whether each hears everything. */
export async function measurePresence({ origin }: BenchOptions): Promise<Row[]> {
  await using cleanup = new AsyncDisposableStack();
  const home = mkdtempSync(join(tmpdir(), "p2pchat-bench-"));
  cleanup.defer(() => rmSync(home, { recursive: true, force: true }));
  const databasePath = join(home, "naming.db");
  const count = WATCHERS / WATCHERS_PER_DEVICE;
  const members = await fillDatabase(databasePath, count, count);
  const { program, url } = await startNamingServer({ origin }, databasePath, AUDIENCE);
  cleanup.use(program);
  const tokens = await signInAll(url, members);
  for (let index = 0; index < ONLINE; index += 1) await publish(url, at(members, index), at(tokens, index));
  const watchers = cleanup.use(new Worker<WatcherOrder, WatcherCounts>("./watcher-load.ts"));
  const bench = { url, pid: program.pid, members, tokens, watchers };
  return [...(await measureMemoryOf(bench)), ...(await measureLists(bench)), ...(await measureChanges(bench))];
}

async function signInAll(url: string, members: readonly Member[]): Promise<string[]> {
  const tokens: string[] = [];
  for (let start = 0; start < members.length; start += TOKENS_AT_ONCE) {
    tokens.push(...(await Promise.all(members.slice(start, start + TOKENS_AT_ONCE).map((one) => signIn(url, one)))));
  }
  return tokens;
}

async function measureMemoryOf({ url, pid, tokens, watchers }: Bench): Promise<Row[]> {
  const before = residentMegabytes(pid);
  const port = Number(new URL(url).port);
  await watchers.ask({ do: "open", port, path: "/v1/presence/events", tokens, each: WATCHERS_PER_DEVICE });
  await sleep(LIST_PERIOD_MS);
  const after = residentMegabytes(pid);
  const each = ((after - before) * 1000) / WATCHERS;
  return [
    { measure: `${WATCHERS} watchers`, unit: "MB", ...summarise([after - before]), target: { atMost: 200 } },
    { measure: "the whole server then", unit: "MB", ...summarise([after]) },
    { measure: "a watcher", unit: "KB", ...summarise([each]) },
  ];
}

async function measureLists({ pid, watchers }: Bench): Promise<Row[]> {
  await watchers.ask({ do: "count" });
  const shares: number[] = [];
  for (let period = 0; period < LIST_PERIODS; period += 1) {
    const before = cpuMs(pid);
    await sleep(LIST_PERIOD_MS);
    shares.push(((cpuMs(pid) - before) * 100) / LIST_PERIOD_MS);
  }
  const { lists } = await watchers.ask({ do: "count" });
  return [
    { measure: `list of ${ONLINE} to all: of a core`, unit: "%", ...summarise(shares), target: { atMost: 1 } },
    {
      measure: `lists in ${LIST_PERIODS} times 10 s, the fewest that a watcher got`,
      unit: "",
      ...summarise([lists.fewest]),
      target: { atLeast: LIST_PERIODS },
    },
  ];
}

/** One comes or goes at a time. */
async function measureChanges({ url, pid, members, tokens, watchers }: Bench): Promise<Row[]> {
  const costs: number[] = [];
  await watchers.ask({ do: "count" });
  for (let index = 0; index < CHANGES; index += 1) {
    const startMs = cpuMs(pid);
    const [member, token] = [at(members, ONLINE + Math.floor(index / 2)), at(tokens, ONLINE + Math.floor(index / 2))];
    await (index % 2 === 0 ? publish(url, member, token) : withdraw(url, member, token));
    await sleep(CHANGE_EVERY_MS);
    costs.push(cpuMs(pid) - startMs);
  }
  const { changes, open } = await watchers.ask({ do: "count" });
  const lost = CHANGES - changes.fewest + (WATCHERS - open);
  return [
    { measure: "one change to all, with a second of lists: CPU", unit: "ms", ...summarise(costs) },
    {
      measure: `lost of ${CHANGES} changes, the most that a watcher missed`,
      unit: "",
      ...summarise([lost]),
      target: { atMost: 0 },
    },
  ];
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error(`there is no number ${index}`);
  return found;
}
