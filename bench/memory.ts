import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AUDIENCE, fillDatabase, nameOf, signIn } from "./support/names.ts";
import { residentMegabytes } from "./support/process-facts.ts";
import type { BenchOptions } from "./support/program.ts";
import type { Row } from "./support/report.ts";
import { summarise } from "./support/statistics.ts";
import { startNamingServer, Town } from "./support/town.ts";

const NAMES = 100_000;
const LOOKUPS = 5000;
/** What a process does right after its start or after work is over by then. */
const IDLE_MS = 5000;
const READINGS = 5;
const READ_EVERY_MS = 200;

/** Resident memory, as the kernel sees it. */
export async function measureMemory(options: BenchOptions): Promise<Row[]> {
  return [
    {
      measure: `naming server with ${NAMES} names`,
      unit: "MB",
      ...(await readServer(options)),
      target: { atMost: 200 },
    },
    { measure: "idle listen", unit: "MB", ...(await readListen(options)), target: { atMost: 150 } },
    { measure: "idle listen at a relay, with a mailbox there", unit: "MB", ...(await readRelayedListen(options)) },
  ];
}

async function readServer({ origin }: BenchOptions) {
  await using cleanup = new AsyncDisposableStack();
  const home = mkdtempSync(join(tmpdir(), "p2pchat-bench-"));
  cleanup.defer(() => rmSync(home, { recursive: true, force: true }));
  const databasePath = join(home, "naming.db");
  const [caller] = await fillDatabase(databasePath, NAMES);
  const { program, url } = await startNamingServer({ origin }, databasePath, AUDIENCE);
  cleanup.use(program);
  const authorization = `Bearer ${await signIn(url, caller)}`;
  for (let count = 0; count < LOOKUPS; count += 1) {
    const name = nameOf((count * 7919) % NAMES);
    const response = await fetch(`${url}/v1/names/${name}`, { headers: { authorization } });
    if (response.status !== 200) throw new Error(`${name} is not found`);
    await response.arrayBuffer();
  }
  return await readIdle(program.pid);
}

async function readListen(options: BenchOptions) {
  await using town = await Town.found(options, ["alice"]);
  const { program } = await town.listen("alice");
  return await readIdle(program.pid);
}

async function readRelayedListen(options: BenchOptions) {
  await using town = await Town.found(options, ["alice"]);
  await town.addRelay();
  const alice = await town.listen("alice");
  await town.mailboxOpen(alice);
  return await readIdle(alice.program.pid);
}

async function readIdle(pid: number) {
  await sleep(IDLE_MS);
  const readings: number[] = [];
  for (let count = 0; count < READINGS; count += 1) {
    readings.push(residentMegabytes(pid));
    await sleep(READ_EVERY_MS);
  }
  return summarise(readings);
}
