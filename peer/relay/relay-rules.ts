import { HourlyBytes } from "./hourly-bytes.ts";
import type { RelayLimits } from "./limits.ts";
import { RelayedSeats } from "./relayed-seats.ts";
import { Seats } from "./seats.ts";
import { siteOf } from "./site.ts";

const EVERYBODY = "";

/** Who asked for a relayed connection, and from where. */
type Caller = { readonly user: string; readonly network: string };

/** Whom a relay serves, and how much: all counts, no network. Times only rise. */
export class RelayRules {
  readonly #connections: Seats;
  readonly #mailboxes: Seats;
  readonly #reservations: Seats;
  readonly #relayed: RelayedSeats;
  /** How each user with a reservation leaves its place. */
  readonly #reserved = new Map<string, () => void>();
  readonly #bytes: Readonly<Record<"user" | "network" | "site" | "all", HourlyBytes>>;
  #relayedBytes = 0;

  constructor(limits: RelayLimits, monotonic: () => number) {
    const seats = (all: number, perNetwork: number) =>
      new Seats({ all, perParty: perNetwork, perSite: perNetwork * limits.networksPerSite });
    this.#connections = seats(limits.connections, limits.connectionsPerNetwork);
    this.#mailboxes = seats(limits.mailboxConnections, limits.mailboxConnectionsPerNetwork);
    this.#reservations = seats(limits.reservations, limits.reservationsPerNetwork);
    this.#relayed = new RelayedSeats(limits);
    const { bytesPerUserAndHour, bytesPerNetworkAndHour, networksPerSite, bytesPerHour } = limits;
    const hourly = (max: number) => new HourlyBytes(max, monotonic);
    this.#bytes = {
      user: hourly(bytesPerUserAndHour),
      network: hourly(bytesPerNetworkAndHour),
      site: hourly(bytesPerNetworkAndHour * networksPerSite),
      all: hourly(bytesPerHour),
    };
  }

  mayConnect(network: string): boolean {
    return this.#connections.isFree(network);
  }

  connected(network: string): () => void {
    return this.#connections.take(network);
  }

  mailboxPlace(network: string): (() => void) | undefined {
    return this.#mailboxes.isFree(network) ? this.#mailboxes.take(network) : undefined;
  }

  reserve(user: string, network: string): boolean {
    if (this.#reserved.has(user)) return true;
    if (!this.#reservations.isFree(network)) return false;
    this.#reserved.set(user, this.#reservations.take(network));
    return true;
  }

  hasReservation(user: string): boolean {
    return this.#reserved.has(user);
  }

  release(user: string): void {
    this.#reserved.get(user)?.();
    this.#reserved.delete(user);
  }

  relaying(from: Caller, to: string): (() => void) | undefined {
    return this.#hasBytes(from) ? this.#relayed.take(from, to) : undefined;
  }

  transferred(from: Caller, bytes: number): boolean {
    const isWithin = this.#hasBytes(from);
    for (const { counts, party } of this.#whoPays(from)) counts.count(party, bytes);
    this.#relayedBytes += bytes;
    return isWithin;
  }

  /** Now, and bytes since the start. */
  counts() {
    return {
      connections: this.#connections.taken,
      mailboxConnections: this.#mailboxes.taken,
      reservations: this.#reservations.taken,
      relayed: this.#relayed.taken,
      relayedBytes: this.#relayedBytes,
    };
  }

  #hasBytes(from: Caller): boolean {
    return this.#whoPays(from).every(({ counts, party }) => counts.hasLeft(party));
  }

  /** Only whoever asked: anybody can ask for a connection to a user, and send there whatever that user drops. */
  #whoPays({ user, network }: Caller): { readonly counts: HourlyBytes; readonly party: string }[] {
    const site = siteOf(network);
    return [
      { counts: this.#bytes.all, party: EVERYBODY },
      { counts: this.#bytes.user, party: user },
      { counts: this.#bytes.network, party: network },
      ...(site === undefined ? [] : [{ counts: this.#bytes.site, party: site }]),
    ];
  }
}
