import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { systemRuntime } from "../peer/messaging/runtime.ts";
import type { Network } from "../peer/network/network.ts";
import { startNetwork } from "../peer/network/node.ts";
import { parseDeviceId } from "../shared/device-id.ts";
import { type BenchOptions, Program, pathTo } from "./support/program.ts";
import type { Row } from "./support/report.ts";
import { summarise } from "./support/statistics.ts";
import { introduce, Town } from "./support/town.ts";

const ROUNDS = 9;
const POLL_MS = 5;
const DIAL_TIMEOUT_MS = 5000;
const SEND_TIMEOUT = "15s";

type Sent = { readonly state: string; readonly devices: readonly { readonly path: string | null }[] };
type Trial = { readonly wait: "stored" | "relayed"; readonly path: string; readonly deadPort?: number };

/** How long it takes until somebody is reachable through a relay, and until what is sent to them is somewhere safe. */
export async function measureReachable(options: BenchOptions): Promise<Row[]> {
  await using town = await Town.found(options, ["alice", "bob"]);
  const relay = await town.addRelay();
  const port = await freePort();
  const starts = await startsUntilReachable(town, relay, port);
  const bob = await town.listen("bob", ["--port", String(port)]);
  {
    await using alice = await town.listen("alice");
    await Promise.all([town.mailboxOpen(alice), town.mailboxOpen(bob)]);
    await introduce(bob, alice);
  }
  const direct = await sendAgain(town, { wait: "stored", path: "direct" });
  const relayed = await sendAgain(town, { wait: "stored", path: "relay", deadPort: port });
  process.kill(bob.program.pid, "SIGKILL");
  const vanished = await sendAgain(town, { wait: "relayed", path: "mailbox", deadPort: port });
  await returnAndLeave(town, port);
  const left = await sendAgain(town, { wait: "relayed", path: "mailbox" });
  const target = { atMost: 3 } as const;
  return [
    { measure: "from start to a stranger's relayed dial", unit: "s", ...summarise(starts), target: { atMost: 2 } },
    { measure: "send to stored, direct address dead: through the relay", unit: "s", ...summarise(relayed), target },
    { measure: "send to stored, direct address answers", unit: "s", ...summarise(direct) },
    { measure: "send to relayed, recipient vanished, address dead", unit: "s", ...summarise(vanished), target },
    { measure: "send to relayed, recipient has left", unit: "s", ...summarise(left), target },
  ];
}

/** Seconds from the start of `listen` until whoever knows the relay gets through it to a stream. */
async function startsUntilReachable(town: Town, relay: string, port: number): Promise<number[]> {
  const seconds: number[] = [];
  const peerId = await firstStart(town, port);
  for (let round = 0; round < ROUNDS; round += 1) {
    await using stranger = await strangerNetwork();
    const startedMs = performance.now();
    const starting = town.listen("bob", ["--port", String(port)]);
    await dialUntilThere(stranger, peerId, `${relay}/p2p-circuit/p2p/${peerId}`);
    seconds.push((performance.now() - startedMs) / 1000);
    await (await starting)[Symbol.asyncDispose]();
  }
  return seconds;
}

/** For the peer id, and so that compiled code is in its cache. */
async function firstStart(town: Town, port: number): Promise<string> {
  await using bob = await town.listen("bob", ["--port", String(port)]);
  return bob.peerId;
}

async function dialUntilThere(stranger: Network, peerId: string, address: string): Promise<void> {
  for (;;) {
    const signal = AbortSignal.timeout(DIAL_TIMEOUT_MS);
    const channel = await stranger.connect(parseDeviceId(peerId), [address], signal).catch(() => undefined);
    if (channel !== undefined) return;
    await sleep(POLL_MS);
  }
}

function strangerNetwork(): Promise<Network> {
  return startNetwork({
    deviceSeed: randomBytes(32),
    allowLocal: true,
    isContact: () => false,
    events: { onChannel: () => {}, onGossip: () => {}, onConnected: () => {} },
    runtime: systemRuntime,
  });
}

/** The recipient takes in what was left meanwhile and renews the right to leave more. */
async function returnAndLeave(town: Town, port: number): Promise<void> {
  await using bob = await town.listen("bob", ["--port", String(port)]);
  await using alice = await town.listen("alice");
  await Promise.all([town.mailboxOpen(alice), town.mailboxOpen(bob)]);
  await introduce(bob, alice);
}

/** Seconds of whole processes that each send one message, from start to exit. */
async function sendAgain(town: Town, trial: Trial): Promise<number[]> {
  const seconds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) seconds.push(await send(town, trial));
  return seconds;
}

async function send(town: Town, { wait, path, deadPort }: Trial): Promise<number> {
  const preload = deadPort === undefined ? [] : ["--import", pathTo("bench/support/dead-port.ts")];
  const args = ["send", "bob", "hello", "--wait", wait, "--timeout", SEND_TIMEOUT, "--json"];
  const env = { ...town.environment, BENCH_DEAD_PORTS: String(deadPort ?? "") };
  const startedMs = performance.now();
  const program = new Program([...preload, ...town.command("alice", args)], env);
  const { state, devices } = JSON.parse(await program.lines('"type":"send"')) as Sent;
  await program.finished();
  const seconds = (performance.now() - startedMs) / 1000;
  if (state !== wait || devices[0]?.path !== path) throw new Error(`${state} by ${devices[0]?.path}, not by ${path}`);
  return seconds;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port is free");
  return address.port;
}
