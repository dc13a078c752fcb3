import type { RelayLimits } from "./limits.ts";
import { Seats } from "./seats.ts";

type Limits = Pick<RelayLimits, "relayed" | "relayedPerUser" | "relayedPerNetwork" | "networksPerSite">;

/** Places for relayed connections: of a user at whichever end, of a network for those that are asked for from there. */
export class RelayedSeats {
  readonly #users: Seats;
  readonly #networks: Seats;

  constructor({ relayed, relayedPerUser, relayedPerNetwork, networksPerSite }: Limits) {
    this.#users = new Seats({ all: 2 * relayed, perParty: relayedPerUser });
    this.#networks = new Seats({
      all: relayed,
      perParty: relayedPerNetwork,
      perSite: relayedPerNetwork * networksPerSite,
    });
  }

  get taken(): number {
    return this.#networks.taken;
  }

  /** The answer leaves the place, once; undefined: none is free. */
  take({ user, network }: { readonly user: string; readonly network: string }, to: string): (() => void) | undefined {
    if (!this.#networks.isFree(network) || !this.#users.isFree(user)) return undefined;
    const leaveUser = this.#users.take(user);
    // only now: both may be one user
    if (!this.#users.isFree(to)) {
      leaveUser();
      return undefined;
    }
    const leave = [leaveUser, this.#users.take(to), this.#networks.take(network)];
    return () => {
      for (const place of leave) place();
    };
  }
}
