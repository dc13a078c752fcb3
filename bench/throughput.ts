import type { Operations } from "../peer/messaging/operations.ts";
import { cpuMs } from "./support/process-facts.ts";
import type { BenchOptions } from "./support/program.ts";
import type { Row } from "./support/report.ts";
import { summarise } from "./support/statistics.ts";
import { type Daemon, introduce, Town } from "./support/town.ts";

const TEXT = "m".repeat(1024);
const MESSAGES = 5000;
const WARM_UP = 1000;
const ROUNDS = 3;
/** Calls under way at once. */
const WIDTHS = [64, 256] as const;
/** A daemon works on no more of one connection's calls at once. */
const CALLS_PER_CONNECTION = 16;
const QUEUED = 2000;
const TIMEOUT_MS = 120_000;
const TARGET = { atLeast: 2000 } as const;

type Flood = { readonly perSecond: number; readonly senderMicros: number; readonly receiverMicros: number };

/** How many messages a second go from one daemon to another's disk, and what each costs either of them. */
export async function measureThroughput(options: BenchOptions): Promise<Row[]> {
  await using town = await Town.found(options, ["alice", "bob"]);
  const [alice, bob] = [await town.listen("alice"), await town.listen("bob")];
  await introduce(bob, alice);
  const calls = await connectFor(alice, Math.max(...WIDTHS));
  await flood({ calls: calls.slice(0, WIDTHS[0]), alice, bob, count: WARM_UP });
  const floods = new Map<number, Flood[]>(WIDTHS.map((width) => [width, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [width, found] of floods) {
      found.push(await flood({ calls: calls.slice(0, width), alice, bob, count: MESSAGES }));
    }
  }
  const flush = await flushQueue(town, calls, bob);
  return [...[...floods].flatMap(([width, found]) => describe(width, found)), ...flush];
}

/** As many callers as calls may be under way, each with a place on one of the connections. */
async function connectFor(daemon: Daemon, width: number): Promise<Operations[]> {
  const connections = await Promise.all(
    Array.from({ length: Math.ceil(width / CALLS_PER_CONNECTION) }, () => daemon.connect()),
  );
  return connections.flatMap((connection) => Array.from({ length: CALLS_PER_CONNECTION }, () => connection));
}

type FloodOptions = {
  readonly calls: readonly Operations[];
  readonly alice: Daemon;
  readonly bob: Daemon;
  readonly count: number;
};

async function flood({ calls, alice, bob, count }: FloodOptions): Promise<Flood> {
  const arrived = bob.program.lines('"type":"message"', count);
  const before = [cpuMs(alice.program.pid), cpuMs(bob.program.pid)] as const;
  const startedMs = performance.now();
  await sendAll(calls, bob, { count, wait: "stored" });
  await arrived;
  const wallMs = performance.now() - startedMs;
  const micros = (daemon: Daemon, startMs: number) => ((cpuMs(daemon.program.pid) - startMs) * 1000) / count;
  return {
    perSecond: (count * 1000) / wallMs,
    senderMicros: micros(alice, before[0]),
    receiverMicros: micros(bob, before[1]),
  };
}

async function sendAll(
  calls: readonly Operations[],
  bob: Daemon,
  { count, wait }: { count: number; wait: "queued" | "stored" },
): Promise<void> {
  let begun = 0;
  const sendInTurn = async ({ send }: Operations) => {
    while (begun < count) {
      begun += 1;
      const { state } = await send({ to: bob.name, text: TEXT, wait, timeoutMs: TIMEOUT_MS });
      if (state !== wait) throw new Error(`a message is ${state} where it should be ${wait}`);
    }
  };
  await Promise.all(calls.map(sendInTurn));
}

/** What waits for somebody who is away, once they are back. */
async function flushQueue(town: Town, calls: readonly Operations[], bob: Daemon): Promise<Row[]> {
  await bob[Symbol.asyncDispose]();
  await sendAll(calls.slice(0, WIDTHS[0]), bob, { count: QUEUED, wait: "queued" });
  const startedMs = performance.now();
  const { program } = await town.listen(bob.name);
  const readyMs = performance.now();
  await program.lines('"type":"message"', QUEUED);
  const seconds = (performance.now() - startedMs) / 1000;
  const afterReady = (performance.now() - readyMs) / 1000;
  return [
    { measure: `${QUEUED} queued: from the recipient's start to all stored`, unit: "s", ...summarise([seconds]) },
    { measure: `${QUEUED} queued: from when they are reachable`, unit: "s", ...summarise([afterReady]) },
  ];
}

function describe(width: number, floods: readonly Flood[]): Row[] {
  const sender = floods.map(({ senderMicros }) => senderMicros);
  const receiver = floods.map(({ receiverMicros }) => receiverMicros);
  const busier = floods.map(({ senderMicros, receiverMicros }) => 1e6 / Math.max(senderMicros, receiverMicros));
  return [
    {
      measure: `${width} at once, 1 KiB: stored`,
      unit: "/s",
      ...summarise(floods.map((flood) => flood.perSecond)),
      target: TARGET,
    },
    { measure: `${width} at once: what the busier daemon's CPU allows`, unit: "/s", ...summarise(busier) },
    { measure: `${width} at once: sender's CPU a message`, unit: "µs", ...summarise(sender) },
    { measure: `${width} at once: receiver's CPU a message`, unit: "µs", ...summarise(receiver) },
  ];
}
