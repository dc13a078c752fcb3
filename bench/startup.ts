import { endedChildrenCpuMs } from "./support/process-facts.ts";
import { type BenchOptions, Program, p2pchatPath } from "./support/program.ts";
import type { Row } from "./support/report.ts";
import { ratios, summarise } from "./support/statistics.ts";
import { introduce, Town } from "./support/town.ts";

const ROUNDS = 25;
const WARM_UP = 3;

type Subject = {
  readonly name: string;
  readonly args: readonly string[];
  readonly target?: number;
  readonly wallMs: number[];
  readonly cpuMs: number[];
};

/** Whole processes from their start to their exit, with compiled code in its cache, against `node -e 0`. */
export async function measureStartup(options: BenchOptions): Promise<Row[]> {
  await using town = await Town.found(options, ["alice", "bob", "carol"]);
  const [alice, bob] = [await town.listen("alice"), await town.listen("bob")];
  await introduce(bob, alice);
  {
    await using carol = await town.listen("carol");
    await introduce(bob, carol);
  }
  const reference = subject("node -e 0", ["-e", "0"]);
  const commands = [
    subject("p2pchat --help", [p2pchatPath(options.origin), "--help"], 2),
    subject("send through a running daemon", town.command("alice", ["send", "bob", "hello"]), 2.5),
    subject("send without a daemon", town.command("carol", ["send", "bob", "hello"]), 8),
  ];
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    for (const one of [reference, ...commands]) await measure(one, town.environment, round >= 0);
  }
  return [...commands.flatMap((one) => compare(one, reference)), ...[reference, ...commands].flatMap(absolute)];
}

function subject(name: string, args: readonly string[], target?: number): Subject {
  return { name, args, ...(target !== undefined && { target }), wallMs: [], cpuMs: [] };
}

async function measure({ args, wallMs, cpuMs }: Subject, env: NodeJS.ProcessEnv, counts: boolean): Promise<void> {
  const cpuBefore = endedChildrenCpuMs();
  const startedMs = performance.now();
  await new Program(args, env).finished();
  if (!counts) return;
  wallMs.push(performance.now() - startedMs);
  cpuMs.push(endedChildrenCpuMs() - cpuBefore);
}

function compare(one: Subject, reference: Subject): Row[] {
  const target = one.target === undefined ? {} : { target: { atMost: one.target } };
  const byCpu = mean(one.cpuMs) / mean(reference.cpuMs);
  return [
    { measure: `${one.name} / node -e 0`, unit: "x", ...ratios(one.wallMs, reference.wallMs), ...target },
    { measure: `${one.name} / node -e 0, by CPU`, unit: "x", ...summarise([byCpu]) },
  ];
}

function absolute({ name, wallMs, cpuMs }: Subject): Row[] {
  return [
    { measure: name, unit: "ms", ...summarise(wallMs) },
    { measure: `${name}: CPU, mean`, unit: "ms", ...summarise([mean(cpuMs)]) },
  ];
}

/** CPU times come in ticks of 10 ms, so only their mean says something. */
function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
