import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { EchoOrder, EchoResult } from "./support/echo-peer.ts";
import type { BenchOptions } from "./support/program.ts";
import type { Row } from "./support/report.ts";
import { percentile, ratios, summarise, timesOf } from "./support/statistics.ts";
import { introduce, Town } from "./support/town.ts";
import { Worker } from "./support/worker.ts";

const TEXT = "m".repeat(1024);
const SYNCED_BYTES = 4096;
const ROUNDS = 9;
const PER_ROUND = 60;
const WARM_UP = 300;
const TIMEOUT_MS = 20_000;

/**
 * `send` through the control socket of a running daemon until the recipient's daemon has it on disk, against what no
 * program can do without: the message there and its answer back over the same transports, and one fsync on each side.
 */
export async function measureMessages(options: BenchOptions): Promise<Row[]> {
  await using town = await Town.found(options, ["alice", "bob"]);
  const [alice, bob] = [await town.listen("alice"), await town.listen("bob")];
  await introduce(bob, alice);
  const { send } = await alice.connect();
  const sendOne = () => send({ to: bob.name, text: TEXT, wait: "stored", timeoutMs: TIMEOUT_MS });
  using echo = await Echo.start();
  using disk = new SyncedFile(join(town.home, "synced"));

  await timesOf(WARM_UP, sendOne);
  await echo.measure(WARM_UP);
  const rounds: { readonly sends: number[]; readonly echoes: readonly number[]; readonly syncs: number[] }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const syncs = await timesOf(PER_ROUND, () => disk.write());
    const echoes = await echo.measure(PER_ROUND);
    rounds.push({ syncs, echoes, sends: await timesOf(PER_ROUND, sendOne) });
  }
  const p50s = (pick: (round: (typeof rounds)[number]) => readonly number[]) =>
    rounds.map((round) => percentile(pick(round), 0.5));
  const [sends, echoes, syncs] = [p50s(({ sends }) => sends), p50s(({ echoes }) => echoes), p50s(({ syncs }) => syncs)];
  const reference = echoes.map((echoMs, round) => echoMs + 2 * (syncs[round] ?? 0));
  return [
    {
      measure: "send until stored / echo + 2 fsync, p50",
      unit: "x",
      ...ratios(sends, reference),
      target: { atMost: 6 },
    },
    { measure: "send until stored, 1 KiB, p50", unit: "ms", ...summarise(sends) },
    {
      measure: "send until stored, 1 KiB, p90",
      unit: "ms",
      ...summarise(rounds.map(({ sends }) => percentile(sends, 0.9))),
    },
    { measure: "libp2p echo, 1 KiB, p50", unit: "ms", ...summarise(echoes) },
    { measure: "write and fsync, 4 KiB, p50", unit: "ms", ...summarise(syncs) },
  ];
}

/** Two processes with a bare libp2p stream between them. */
class Echo implements Disposable {
  readonly #cleanup = new DisposableStack();
  readonly #caller = this.#cleanup.use(new Worker<EchoOrder, EchoResult>("./echo-peer.ts"));
  readonly #answerer = this.#cleanup.use(new Worker<EchoOrder, EchoResult>("./echo-peer.ts"));
  #address = "";

  static async start(): Promise<Echo> {
    const echo = new Echo();
    echo.#address = (await echo.#answerer.ask({ bytes: 0, count: 0 })).address;
    return echo;
  }

  /** Milliseconds of each of so many round trips. */
  async measure(count: number): Promise<readonly number[]> {
    return (await this.#caller.ask({ address: this.#address, bytes: TEXT.length, count })).timesMs;
  }

  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}

/** Appends like a write-ahead log does. */
class SyncedFile implements Disposable {
  readonly #descriptor: number;
  readonly #content = randomBytes(SYNCED_BYTES);

  constructor(path: string) {
    this.#descriptor = openSync(path, "w");
  }

  write(): void {
    writeSync(this.#descriptor, this.#content);
    fsyncSync(this.#descriptor);
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }
}
