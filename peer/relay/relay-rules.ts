import type { RelayLimits } from "./limits.ts";
import { Seats } from "./seats.ts";

const HOUR_MS = 3_600_000;
/** Keys cost nothing to make: of the users that transferred anything, those that did last. */
const REMEMBERED_USERS = 20_000;

/** Whom a relay serves, and how much: all counts, no network. Times only rise. */
export class RelayRules {
  readonly #limits: RelayLimits;
  readonly #monotonic: () => number;
  readonly #connections: Seats;
  readonly #mailboxes: Seats;
  readonly #reservations: Seats;
  readonly #relayed: Seats;
  /** How to leave the place of each user's reservation. */
  readonly #reserved = new Map<string, () => void>();
  /** Of the hour that began at `#hourMs`, by user. */
  readonly #bytes = new Map<string, number>();
  #allBytes = 0;
  #hourMs = 0;
  #relayedBytes = 0;

  constructor(limits: RelayLimits, monotonic: () => number) {
    this.#limits = limits;
    this.#monotonic = monotonic;
    const seats = (all: number, perNetwork: number) =>
      new Seats({ all, perParty: perNetwork, perSite: perNetwork * limits.networksPerSite });
    this.#connections = seats(limits.connections, limits.connectionsPerNetwork);
    this.#mailboxes = seats(limits.mailboxConnections, limits.mailboxConnectionsPerNetwork);
    this.#reservations = seats(limits.reservations, limits.reservationsPerNetwork);
    this.#relayed = new Seats({ all: 2 * limits.relayed, perParty: limits.relayedPerUser });
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

  mayRelay(from: string, to: string): boolean {
    return this.#relayed.isFree(from) && this.#relayed.isFree(to) && this.#hasBytes(from) && this.#hasBytes(to);
  }

  relaying(from: string, to: string): () => void {
    const leave = [this.#relayed.take(from), this.#relayed.take(to)];
    return () => {
      for (const end of leave) end();
    };
  }

  transferred(from: string, to: string, bytes: number): boolean {
    const isWithin = this.#hasBytes(from) && this.#hasBytes(to);
    for (const user of [from, to]) this.#count(user, bytes);
    this.#allBytes += bytes;
    this.#relayedBytes += bytes;
    return isWithin;
  }

  /** Now, and bytes since the start. */
  counts() {
    return {
      connections: this.#connections.taken,
      mailboxConnections: this.#mailboxes.taken,
      reservations: this.#reservations.taken,
      relayed: this.#relayed.taken / 2,
      relayedBytes: this.#relayedBytes,
    };
  }

  #count(user: string, bytes: number): void {
    const sum = (this.#bytes.get(user) ?? 0) + bytes;
    this.#bytes.delete(user);
    this.#bytes.set(user, sum);
    if (this.#bytes.size <= REMEMBERED_USERS) return;
    for (const oldest of this.#bytes.keys()) {
      this.#bytes.delete(oldest);
      return;
    }
  }

  #hasBytes(user: string): boolean {
    const nowMs = this.#monotonic();
    if (nowMs - this.#hourMs >= HOUR_MS) {
      this.#hourMs = nowMs;
      this.#allBytes = 0;
      this.#bytes.clear();
    }
    const { bytesPerHour, bytesPerUserAndHour } = this.#limits;
    return this.#allBytes < bytesPerHour && (this.#bytes.get(user) ?? 0) < bytesPerUserAndHour;
  }
}
