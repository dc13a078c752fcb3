import { systemRuntime } from "../../peer/messaging/runtime.ts";
import { connectMailbox } from "../../peer/network/mailbox/mailbox-client.ts";
import type { MailboxConnection } from "../../peer/network/mailbox/mailbox-connection.ts";
import { soon } from "./channels.ts";
import { type Outcome, Program } from "./program.ts";
import { PROGRAMS, REPOSITORY } from "./programs.ts";

export type RelayProcess = {
  readonly program: Program;
  readonly peerId: string;
  readonly address: string;
  readonly metricsUrl: string;
  connect(): Promise<MailboxConnection>;
  /** Asks it to stop, and waits. */
  stop(): Promise<Outcome>;
};

type Options = {
  readonly args?: readonly string[];
  /** Besides those by which one address may ask for more. */
  readonly limits?: Readonly<Record<string, number>>;
  /** A command that starts it in turn (strace, nsenter). */
  readonly wrapper?: readonly string[];
};

const LIMITS = {
  depositsPerSecond: 100_000,
  otherRequestsPerSecond: 100_000,
  newBoxesPerHour: 100_000,
  newBoxesPerDay: 100_000,
  fetchedBytesPerHour: 2 ** 40,
  connectionsPerNetwork: 10_000,
  reservationsPerNetwork: 10_000,
  relayedPerNetwork: 10_000,
  relayedPerUserAndSite: 10_000,
  bytesPerNetworkAndHour: 2 ** 40,
};

/** Starts `p2pchat relay` without waiting for it. */
export function spawnRelay(args: readonly string[], wrapper: readonly string[] = []): Program {
  const env = { PATH: process.env["PATH"] ?? "", HOME: REPOSITORY, NODE_COMPILE_CACHE: PROGRAMS.codeCache };
  return new Program([...wrapper, process.execPath, PROGRAMS.p2pchat, "relay", "--json", ...args], {
    env,
    directory: REPOSITORY,
  });
}

export async function startRelayProcess(
  directory: string,
  { args = [], limits = {}, wrapper = [] }: Options = {},
): Promise<RelayProcess> {
  const listen = ["--dir", directory, "--host", "127.0.0.1", "--port", "0", "--metrics-port", "0"];
  const all = Object.entries({ ...LIMITS, ...limits }).map(([name, value]) => `${name}=${value}`);
  const program = spawnRelay([...listen, "--limits", all.join(","), ...args], wrapper);
  const line = await program.next(({ type }) => type === "relay");
  const [address = ""] = line["addresses"] as string[];
  return {
    program,
    address,
    peerId: String(line["peerId"]),
    metricsUrl: String(line["metricsUrl"]),
    connect: () => connectMailbox({ relay: address, allowLocal: true, runtime: systemRuntime, signal: soon() }),
    async stop() {
      process.kill(program.pid, "SIGTERM");
      return program.exited;
    },
  };
}

/** All that lies in a box, by the hex of each parcel, in order. */
export async function parcelsIn(mailbox: MailboxConnection, box: Uint8Array): Promise<string[]> {
  const found: string[] = [];
  for (let after = 0, more = true; more; ) {
    const page = await mailbox.fetch(box, after);
    found.push(...page.parcels.map(({ parcel }) => Buffer.from(parcel).toString("hex")));
    ({ last: after, more } = page);
  }
  return found;
}
