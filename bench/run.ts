/*
 * `npm run bench`: speeds as ratios against references measured in the same run. `npm run bench -- lookup startup` runs
 * those parts only; `--sources` measures the sources where there is a build too; `--profile` leaves CPU profiles of the
 * daemons in bench/results. A target that is missed is said, and is no failure.
 */

import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { measureLog } from "./log.ts";
import { measureLookup } from "./lookup.ts";
import { measureMailbox } from "./mailbox.ts";
import { measureMemory } from "./memory.ts";
import { measureMessages } from "./message.ts";
import { measurePostgres } from "./postgres.ts";
import { measurePresence } from "./presence.ts";
import { measureReachable } from "./reachable.ts";
import { measureRegistration } from "./registration.ts";
import { measureRelayed } from "./relayed.ts";
import { measureReservations } from "./reservations.ts";
import { measureStartup } from "./startup.ts";
import { type BenchOptions, hasBuild, isOutdated, type Origin, pathTo } from "./support/program.ts";
import { type Part, printPart, type Row, saveResults } from "./support/report.ts";
import { measureThroughput } from "./throughput.ts";

const PARTS: Readonly<Record<string, (options: BenchOptions) => Promise<Row[]>>> = {
  lookup: measureLookup,
  registration: measureRegistration,
  message: measureMessages,
  throughput: measureThroughput,
  startup: measureStartup,
  memory: measureMemory,
  log: measureLog,
  presence: measurePresence,
  postgres: measurePostgres,
  relayed: measureRelayed,
  reachable: measureReachable,
  mailbox: measureMailbox,
  reservations: measureReservations,
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { sources: { type: "boolean", default: false }, profile: { type: "boolean", default: false } },
});
const unknown = positionals.filter((name) => !Object.hasOwn(PARTS, name));
if (unknown.length > 0)
  throw new Error(`no such part: ${unknown.join(", ")}; there are ${Object.keys(PARTS).join(", ")}`);

const origin: Origin = hasBuild && !values.sources ? "build" : "sources";
const nodeOptions = values.profile ? ["--cpu-prof", `--cpu-prof-dir=${pathTo("bench/results/profiles")}`] : [];
const age = origin === "build" && isOutdated() ? " (older than the sources: npm run build)" : "";
console.log(`p2pchat from its ${origin}${age}, Node ${process.version}, load ${loadavg()[0]?.toFixed(1)}`);

const measured: Part[] = [];
for (const [name, measure] of Object.entries(PARTS)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const part = { name, rows: await measure({ origin, nodeOptions }) };
  printPart(part);
  measured.push(part);
}
console.log(`\nalso in ${saveResults(measured, { origin })}`);
