import { timeToScreen } from "./support/first-screen.ts";
import { endedChildrenCpuMs } from "./support/process-facts.ts";
import { type BenchOptions, Program } from "./support/program.ts";
import type { Row } from "./support/report.ts";
import { ratios, summarise } from "./support/statistics.ts";
import { introduce, Town } from "./support/town.ts";

const ROUNDS = 25;
const WARM_UP = 3;

type Subject = {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly target?: number;
  readonly wallMs: number[];
  readonly cpuMs: number[];
};

/** Whole processes from their start to their exit, with compiled code in its cache, against `node -e 0`. */
export async function measureStartup(options: BenchOptions): Promise<Row[]> {
  await using away = await townWithMailbox(options);
  await using town = await Town.found(options, ["alice", "bob", "carol"]);
  const [alice, bob] = [await town.listen("alice"), await town.listen("bob")];
  await introduce(bob, alice);
  {
    await using carol = await town.listen("carol");
    await introduce(bob, carol);
  }
  const send = ["send", "bob", "hello"];
  const leave = [...send, "--wait", "relayed"];
  const { environment: env } = town;
  const reference = subject("node -e 0", { args: ["-e", "0"], env });
  const commands = [
    subject("p2pchat --help", { args: town.command("alice", ["--help"]), env, target: 2 }),
    subject("send through a running daemon", { args: town.command("alice", send), env, target: 2.5 }),
    subject("send without a daemon", { args: town.command("carol", send), env, target: 8 }),
    subject("send to a mailbox, without a daemon", { args: away.command("alice", leave), env: away.environment }),
  ];
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    for (const one of [reference, ...commands]) await measure(one, round >= 0);
  }
  const screens = [
    ...(await measureScreen("through a running daemon", town.command("alice", ["chat", "bob"]), town.environment)),
    ...(await measureScreen("without a daemon", town.command("carol", ["chat", "bob"]), town.environment)),
  ];
  return [
    ...commands.flatMap((one) => compare(one, reference)),
    ...[reference, ...commands].flatMap(absolute),
    ...screens,
  ];
}

const SCREEN_ROUNDS = 15;
const SCREEN_TARGET_MS = 400;

/** Until what was said last stands on the screen, beyond what Node alone takes in the same terminal. */
async function measureScreen(how: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Row[]> {
  const beyond: number[] = [];
  for (let round = -WARM_UP; round < SCREEN_ROUNDS; round += 1) {
    const reference = await timeToScreen(["-e", "console.log('there')"], env, "there");
    const took = await timeToScreen(args, env, "hello");
    if (round >= 0) beyond.push(took - reference);
  }
  const target = { target: { atMost: SCREEN_TARGET_MS } };
  return [{ measure: `first screen of chat ${how}, beyond node`, unit: "ms", ...summarise(beyond), ...target }];
}

/** Alice and bob have written to each other, bob has a mailbox, and both are away. */
async function townWithMailbox(options: BenchOptions): Promise<Town> {
  const town = await Town.found(options, ["alice", "bob"]);
  await town.addRelay();
  await using alice = await town.listen("alice");
  await using bob = await town.listen("bob");
  await Promise.all([town.mailboxOpen(alice), town.mailboxOpen(bob)]);
  await introduce(bob, alice);
  return town;
}

function subject(name: string, what: Pick<Subject, "args" | "env" | "target">): Subject {
  return { name, ...what, wallMs: [], cpuMs: [] };
}

async function measure({ args, env, wallMs, cpuMs }: Subject, counts: boolean): Promise<void> {
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
