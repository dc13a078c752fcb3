import type { RelayLimits } from "../../peer/relay/limits.ts";
import { type BenchOptions, launchOptions, Program, p2pchatPath } from "./program.ts";

export type Relay = {
  readonly program: Program;
  /** A multiaddr that ends in `/p2p/<relay>`. */
  readonly address: string;
};

/** Everybody here comes from one address: what a relay gives to one network is no part of what is measured. */
const FOR_ONE_NETWORK: Partial<RelayLimits> = {
  connectionsPerNetwork: 10_000,
  reservationsPerNetwork: 10_000,
  relayedPerNetwork: 10_000,
  bytesPerNetworkAndHour: 2 ** 40,
  mailboxConnectionsPerNetwork: 300,
  newBoxesPerHour: 1_000_000,
  newBoxesPerDay: 1_000_000,
  spentTokensPerBox: 4_000_000,
  fetchedBytesPerHour: 2 ** 40,
  depositsPerSecond: 1_000_000,
  otherRequestsPerSecond: 1_000_000,
};

/** Starts the relay's own program on loopback; both roles. */
export async function startRelay(
  { origin, nodeOptions }: BenchOptions,
  directory: string,
  limits: Partial<RelayLimits> = {},
): Promise<Relay> {
  const path = p2pchatPath(origin);
  const given = Object.entries({ ...FOR_ONE_NETWORK, ...limits }).map(([name, value]) => `${name}=${value}`);
  const where = ["--dir", directory, "--host", "127.0.0.1", "--port", "0"];
  const program = new Program(
    [...nodeOptions, ...launchOptions(path), path, "relay", ...where, "--limits", given.join(","), "--json"],
    { PATH: process.env["PATH"], HOME: directory },
  );
  const { addresses } = JSON.parse(await program.lines('"type":"relay"')) as { addresses: string[] };
  const [address] = addresses;
  if (address === undefined) throw new Error("the relay has no address");
  return { program, address };
}
