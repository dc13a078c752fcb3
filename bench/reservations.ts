import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { IdleOrder, IdleResult } from "./support/idle-devices.ts";
import { cpuMs, residentMegabytes } from "./support/process-facts.ts";
import type { BenchOptions } from "./support/program.ts";
import { startRelay } from "./support/relay.ts";
import type { Row } from "./support/report.ts";
import { summarise } from "./support/statistics.ts";
import { Worker } from "./support/worker.ts";

const DEVICES = 2000;
const PROCESSES = 4;
const SETTLE_MS = 10_000;
/** Devices and relay ping each other several times in it. */
const PERIOD_MS = 20_000;
const PERIODS = 3;

/** What a relay takes for devices that hold a place and are not talked to. */
export async function measureReservations(options: BenchOptions): Promise<Row[]> {
  await using cleanup = new AsyncDisposableStack();
  const home = mkdtempSync(join(tmpdir(), "p2pchat-bench-"));
  cleanup.defer(() => rmSync(home, { recursive: true, force: true }));
  const { program, address } = await startRelay(options, join(home, "relay"));
  cleanup.use(program);
  const crowd = Array.from({ length: PROCESSES }, () =>
    cleanup.use(new Worker<IdleOrder, IdleResult>("./idle-devices.ts")),
  );
  await sleep(SETTLE_MS);
  const emptyMegabytes = residentMegabytes(program.pid);
  const cpuBefore = cpuMs(program.pid);
  await Promise.all(crowd.map((one) => one.ask({ do: "reserve", relay: address, count: DEVICES / PROCESSES })));
  const joinedMs = (cpuMs(program.pid) - cpuBefore) / DEVICES;
  await sleep(SETTLE_MS);
  const [shares, megabytes]: [number[], number[]] = [[], []];
  for (let period = 0; period < PERIODS; period += 1) {
    const before = cpuMs(program.pid);
    await sleep(PERIOD_MS);
    shares.push(((cpuMs(program.pid) - before) * 100) / PERIOD_MS);
    megabytes.push(residentMegabytes(program.pid));
  }
  const counts = await Promise.all(crowd.map((one) => one.ask({ do: "count" })));
  const reserved = counts.reduce((sum, count) => sum + count.reserved, 0);
  const each = megabytes.map((all) => ((all - emptyMegabytes) * 1000) / DEVICES);
  return [
    { measure: `relay with ${DEVICES} reservations`, unit: "MB", ...summarise(megabytes), target: { atMost: 400 } },
    { measure: "the same relay before", unit: "MB", ...summarise([emptyMegabytes]) },
    { measure: "a reservation", unit: "KB", ...summarise(each) },
    {
      measure: "reservations that are held in the end",
      unit: "",
      ...summarise([reserved]),
      target: { atLeast: DEVICES },
    },
    { measure: "relay's CPU while all are idle, of a core", unit: "%", ...summarise(shares) },
    { measure: "relay's CPU for a new reservation, handshake and all", unit: "ms", ...summarise([joinedMs]) },
  ];
}
