import type { RelayLimits } from "./limits.ts";
import { Seats } from "./seats.ts";

type Limits = Pick<RelayLimits, "relayed" | "relayedPerUser" | "relayedPerNetwork" | "networksPerSite">;

/** Places at the ends of relayed connections, by user, and by network where that is known. */
export class RelayedSeats {
  readonly #users: Seats;
  readonly #networks: Seats;
  readonly #networkOf: (user: string) => string | undefined;

  constructor(limits: Limits, networkOf: (user: string) => string | undefined) {
    const all = 2 * limits.relayed;
    const { relayedPerUser, relayedPerNetwork, networksPerSite } = limits;
    this.#users = new Seats({ all, perParty: relayedPerUser });
    this.#networks = new Seats({ all, perParty: relayedPerNetwork, perSite: relayedPerNetwork * networksPerSite });
    this.#networkOf = networkOf;
  }

  get taken(): number {
    return this.#users.taken;
  }

  isFree(user: string): boolean {
    const network = this.#networkOf(user);
    return this.#users.isFree(user) && (network === undefined || this.#networks.isFree(network));
  }

  /** Whether or not it is free; the answer leaves the place, once. */
  take(user: string): () => void {
    const network = this.#networkOf(user);
    const leave = [this.#users.take(user), ...(network === undefined ? [] : [this.#networks.take(network)])];
    return () => {
      for (const place of leave) place();
    };
  }
}
