import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { LogTree } from "../naming-server/log/log-tree.ts";
import { realPace } from "../naming-server/log/pace.ts";
import { TransparencyLog } from "../naming-server/log/transparency-log.ts";
import { openSqliteStore } from "../naming-server/storage/sqlite-store.ts";
import type { RecordRow, Store } from "../naming-server/storage/store.ts";
import { openStore } from "../peer/history/store.ts";
import { systemRuntime } from "../peer/messaging/runtime.ts";
import { createClock } from "../peer/naming/clock.ts";
import { createKeyLog } from "../peer/naming/log/key-log.ts";
import { createNamingClient } from "../peer/naming/naming-client.ts";
import { encodeBase64url } from "../shared/base64url.ts";
import { deviceIdOf } from "../shared/device-id.ts";
import { publicKeyOfSeed } from "../shared/ed25519.ts";
import { parseUsername } from "../shared/username.ts";
import { AUDIENCE } from "./support/names.ts";
import type { BenchOptions } from "./support/program.ts";
import type { Row } from "./support/report.ts";
import { summarise } from "./support/statistics.ts";
import { startNamingServer } from "./support/town.ts";

const ENTRIES = 1_000_000;
const APPENDS = 200;
const DELTA = 100;
/** Longer than the server takes to sign what it has accepted. */
const CHECKPOINT_MS = 1500;
const MEGABYTE = 1024 * 1024;

/** The transparency log with a million entries: what appending costs the server, and following it a client. */
export async function measureLog(options: BenchOptions): Promise<Row[]> {
  await using cleanup = new AsyncDisposableStack();
  const home = mkdtempSync(join(tmpdir(), "p2pchat-bench-"));
  cleanup.defer(() => rmSync(home, { recursive: true, force: true }));
  const databasePath = join(home, "naming.db");
  await fillLog(databasePath);
  const rows = await measureServer(databasePath);
  return [...rows, ...(await measureClient(options, home, databasePath))];
}

/** Entries as if so many names had been registered; nobody looks at what their records say. */
async function fillLog(path: string): Promise<void> {
  await openSqliteStore(path).close();
  using database = new DatabaseSync(path);
  database.exec("PRAGMA synchronous = OFF; BEGIN");
  const name = database.prepare("INSERT INTO names (name, skeleton, identity, seq, hash) VALUES (?1, ?1, ?2, 1, ?2)");
  const record = database.prepare(
    "INSERT INTO records (name, seq, hash, record, accepted_at, log_index) VALUES (?, 1, ?, '', 0, ?)",
  );
  for (let index = 0; index < ENTRIES; index += 1) {
    const hash = hashOf(`filler ${index}`);
    name.run(`filler-${index}`, hash);
    record.run(`filler-${index}`, hash, index);
  }
  database.exec("COMMIT");
}

async function measureServer(path: string): Promise<Row[]> {
  const store = openSqliteStore(path);
  const startedMs = performance.now();
  const memory = process.memoryUsage().arrayBuffers;
  const tree = await LogTree.open(store);
  const openedS = (performance.now() - startedMs) / 1000;
  const treeMb = (process.memoryUsage().arrayBuffers - memory) / MEGABYTE;
  const seed = await store.keepLogSeed(new Uint8Array(32).fill(1));
  const pace = realPace(0);
  const log = new TransparencyLog({ store, tree, seed, publicUrl: AUDIENCE, now: Date.now, pace });
  const alone = await cpuPerAppend(store, log, 1);
  const together = await cpuPerAppend(store, log, 64);
  await store.close();
  return [
    { measure: "server: reading a million entries at the start", unit: "s", ...summarise([openedS]) },
    { measure: "server: memory of the tree", unit: "MB", ...summarise([treeMb]) },
    { measure: "server: CPU of one record, logged and signed", unit: "ms", ...alone, target: { atMost: 1 } },
    { measure: "server: the same, 64 at once", unit: "ms", ...together, target: { atMost: 1 } },
  ];
}

/** Accepted, on disk, in the tree, under a signed checkpoint, with its proof; the record's own signatures aside. */
async function cpuPerAppend(store: Store, log: TransparencyLog, together: number) {
  const samples: number[] = [];
  for (let round = 0; round < APPENDS; round += 1) {
    const rows = Array.from({ length: together }, (_, index) => rowOf(`new-${together}-${round}-${index}`));
    const before = process.cpuUsage();
    await Promise.all(rows.map((row) => store.createName(row)));
    await Promise.all(rows.map((row) => log.placeOf(row.name, row)));
    const { user, system } = process.cpuUsage(before);
    samples.push((user + system) / 1000 / together);
  }
  return summarise(samples);
}

async function measureClient(options: BenchOptions, home: string, databasePath: string): Promise<Row[]> {
  const { program, url } = await startNamingServer(options, databasePath, AUDIENCE);
  await using _server = program;
  const clock = createClock(Date.now);
  const naming = createNamingClient({ url, audience: AUDIENCE, clock, timers: systemRuntime, randomId: () => "" });
  const path = join(home, "chat.db");
  const store = openStore(path, { dataKey: new Uint8Array(32), profileId: "bench" });
  const audience = () => AUDIENCE;
  const log = createKeyLog({ source: naming.log, store, audience, now: () => clock.now(), onFork: () => {} });
  const first = await timed(() => log.sync());
  const { size } = log.status();
  await appendElsewhere(databasePath);
  await sleep(CHECKPOINT_MS);
  const delta = await timed(() => log.sync());
  if (log.status().size !== size + DELTA) throw new Error("the delta is not the one that was made");
  const name = parseUsername("filler-999999");
  const found = await timed(async () => void log.recordsOf(name));
  naming.close();
  store.close();
  return [
    { measure: "client: first sync of a million entries, wall", unit: "s", ...summarise([first.wallMs / 1000]) },
    { measure: "client: the same, its own CPU", unit: "s", ...summarise([first.cpuMs / 1000]) },
    { measure: "client: on disk afterwards", unit: "MB", ...summarise([statSync(path).size / MEGABYTE]) },
    { measure: `client: a delta of ${DELTA} entries, wall`, unit: "ms", ...summarise([delta.wallMs]) },
    { measure: "client: the same, its own CPU", unit: "ms", ...summarise([delta.cpuMs]) },
    { measure: "client: finding a name among them", unit: "ms", ...summarise([found.wallMs]) },
  ];
}

/** By a second process on the same file. */
async function appendElsewhere(path: string): Promise<void> {
  const store = openSqliteStore(path);
  for (let index = 0; index < DELTA; index += 1) await store.createName(rowOf(`late-${index}`));
  await store.close();
}

async function timed(work: () => Promise<void>): Promise<{ wallMs: number; cpuMs: number }> {
  const [startedMs, before] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(before);
  return { wallMs: performance.now() - startedMs, cpuMs: (user + system) / 1000 };
}

function rowOf(label: string): RecordRow {
  const hash = hashOf(label);
  const device = deviceIdOf(publicKeyOfSeed(createHash("sha256").update(label).digest()));
  const name = parseUsername(label);
  return { name, skeleton: label, identity: hash, seq: 1, hash, record: "", devices: [device], acceptedAt: 0 };
}

function hashOf(label: string): string {
  return encodeBase64url(createHash("sha256").update(label).digest());
}
