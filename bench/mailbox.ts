import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MailboxOrder, MailboxResult } from "./support/mailbox-user.ts";
import { cpuMs } from "./support/process-facts.ts";
import type { BenchOptions } from "./support/program.ts";
import { type Relay, startRelay } from "./support/relay.ts";
import type { Row } from "./support/report.ts";
import { type Summary, summarise } from "./support/statistics.ts";
import { Worker } from "./support/worker.ts";

const MESSAGES = 10_000;
const ROUNDS = 3;
const TEXTS = [100, 1024] as const;
const TARGET = { atLeast: 1000 } as const;

type User = Worker<MailboxOrder, MailboxResult>;
type Bench = { readonly relay: Relay; readonly senders: User; readonly owner: User };
type Load = { readonly bytes: number; readonly alone: boolean };
type Run = {
  readonly depositsPerSecond: number;
  readonly fetchesPerSecond: number;
  readonly perSecond: number;
  readonly relayMicros: number;
};

/**
 * 10,000 messages for somebody who is away, left at one relay and then read and receipted by their owner: as many in a
 * parcel as the product's packing puts there, and each in a parcel of its own.
 */
export async function measureMailbox(options: BenchOptions): Promise<Row[]> {
  await using cleanup = new AsyncDisposableStack();
  const home = mkdtempSync(join(tmpdir(), "p2pchat-bench-"));
  cleanup.defer(() => rmSync(home, { recursive: true, force: true }));
  const limits = { parcelsPerBox: 1_000_000, bytesPerBox: 2 ** 40, bytes: 2 ** 40 };
  const relay = await startRelay(options, join(home, "relay"), limits);
  cleanup.use(relay.program);
  const senders = cleanup.use(new Worker<MailboxOrder, MailboxResult>("./mailbox-user.ts"));
  const owner = cleanup.use(new Worker<MailboxOrder, MailboxResult>("./mailbox-user.ts"));
  const rows: Row[] = [];
  for (const bytes of TEXTS) {
    for (const alone of [false, true]) rows.push(...(await measureLoad({ relay, senders, owner }, { bytes, alone })));
  }
  return rows;
}

async function measureLoad(bench: Bench, { bytes, alone }: Load): Promise<Row[]> {
  const made = await bench.senders.ask({ do: "pack", messages: MESSAGES, bytes, alone });
  const runs: Run[] = [];
  for (let round = 0; round < ROUNDS; round += 1) runs.push(await run(bench, made.parcels));
  const label = `${bytes} B text, ${made.messagesPerParcel} in a parcel of ${made.parcelBytes / 1024} KiB`;
  const each = (pick: (run: Run) => number) => summarise(runs.map(pick));
  return [
    { measure: `${label}: left and fetched`, unit: "/s", ...each(({ perSecond }) => perSecond), target: TARGET },
    { measure: `${label}: left`, unit: "/s", ...each(({ depositsPerSecond }) => depositsPerSecond) },
    { measure: `${label}: fetched and receipted`, unit: "/s", ...each(({ fetchesPerSecond }) => fetchesPerSecond) },
    { measure: `${label}: relay's CPU a message`, unit: "µs", ...each(({ relayMicros }) => relayMicros) },
    ...(alone
      ? []
      : [{ measure: `${label}: packing and sealing, of a sender`, unit: "µs", ...packingMicros(made) } as const]),
  ];
}

/** Its share of making the session included. */
function packingMicros({ wallMs, parcels, messagesPerParcel }: MailboxResult): Summary {
  return summarise([(wallMs * 1000) / (parcels * messagesPerParcel)]);
}

/** A box of its own, so that each round finds the same. */
async function run({ relay, senders, owner }: Bench, parcels: number): Promise<Run> {
  const secrets = { seed: randomBytes(32).toString("hex"), tokenKey: randomBytes(32).toString("hex") };
  await owner.ask({ do: "open", relay: relay.address, ...secrets });
  const startMs = cpuMs(relay.program.pid);
  const left = await senders.ask({ do: "deposit", relay: relay.address, ...secrets });
  const fetched = await owner.ask({ do: "empty" });
  if (fetched.parcels !== parcels) throw new Error(`${fetched.parcels} of ${parcels} parcels came back`);
  return {
    depositsPerSecond: (MESSAGES * 1000) / left.wallMs,
    fetchesPerSecond: (MESSAGES * 1000) / fetched.wallMs,
    perSecond: (MESSAGES * 1000) / (left.wallMs + fetched.wallMs),
    relayMicros: ((cpuMs(relay.program.pid) - startMs) * 1000) / MESSAGES,
  };
}
