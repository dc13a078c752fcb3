import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PeerOrder, PeerResult } from "./support/network-peer.ts";
import { cpuMs } from "./support/process-facts.ts";
import type { BenchOptions } from "./support/program.ts";
import { startRelay } from "./support/relay.ts";
import type { Row } from "./support/report.ts";
import { percentile, ratios, summarise } from "./support/statistics.ts";
import { Worker } from "./support/worker.ts";

const FRAME_BYTES = 1024;
const ROUNDS = 15;
const PER_ROUND = 200;
const WARM_UP = 1000;

/** A frame there and back between two devices' networks, through the relay's program and straight, in turn. */
export async function measureRelayed(options: BenchOptions): Promise<Row[]> {
  await using cleanup = new AsyncDisposableStack();
  const home = mkdtempSync(join(tmpdir(), "p2pchat-bench-"));
  cleanup.defer(() => rmSync(home, { recursive: true, force: true }));
  const relay = await startRelay(options, join(home, "relay"));
  cleanup.use(relay.program);
  const answerer = cleanup.use(new Worker<PeerOrder, PeerResult>("./network-peer.ts"));
  const caller = cleanup.use(new Worker<PeerOrder, PeerResult>("./network-peer.ts"));
  const { addresses } = await answerer.ask({ do: "listen", relay: relay.address });
  const measure = async (path: "direct" | "relay", count: number) => {
    const address = addresses.at(path === "direct" ? 0 : -1) ?? "";
    const found = await caller.ask({ do: "measure", address, bytes: FRAME_BYTES, count });
    if (found.path !== path) throw new Error(`went ${found.path}, not ${path}`);
    return found.timesMs;
  };
  for (const path of ["direct", "relay"] as const) await measure(path, WARM_UP);
  const [direct, relayed, relayMicros]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    direct.push(percentile(await measure("direct", PER_ROUND), 0.5) * 1000);
    const before = cpuMs(relay.program.pid);
    relayed.push(percentile(await measure("relay", PER_ROUND), 0.5) * 1000);
    relayMicros.push(((cpuMs(relay.program.pid) - before) * 1000) / PER_ROUND);
  }
  const meanMicros = relayMicros.reduce((sum, micros) => sum + micros, 0) / ROUNDS;
  return [
    { measure: "relayed round trip / direct, p50", unit: "x", ...ratios(relayed, direct), target: { atMost: 4 } },
    { measure: "relayed round trip, 1 KiB, p50", unit: "µs", ...summarise(relayed) },
    { measure: "direct round trip, 1 KiB, p50", unit: "µs", ...summarise(direct) },
    { measure: "relay's CPU a round trip, mean", unit: "µs", ...summarise([meanMicros]) },
  ];
}
