import type { RelayLimits } from "./limits.ts";
import { Seats } from "./seats.ts";
import { siteOf } from "./site.ts";

type Limits = Pick<
  RelayLimits,
  "relayed" | "relayedPerUser" | "relayedPerUserAndSite" | "relayedPerNetwork" | "networksPerSite"
>;

/**
 * Places for relayed connections: of a user at whichever end, of a network for those that are asked for from there; and of
 * those to one user, so that whoever makes many keys in one place leaves others a way to them.
 */
export class RelayedSeats {
  readonly #users: Seats;
  readonly #pairs: Seats;
  readonly #networks: Seats;

  constructor({ relayed, relayedPerUser, relayedPerUserAndSite, relayedPerNetwork, networksPerSite }: Limits) {
    this.#users = new Seats({ all: 2 * relayed, perParty: relayedPerUser });
    this.#pairs = new Seats({ all: relayed, perParty: relayedPerUserAndSite });
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
    const pair = `${siteOf(network) ?? network} ${to}`;
    if (!this.#networks.isFree(network) || !this.#pairs.isFree(pair) || !this.#users.isFree(user)) return undefined;
    const leaveUser = this.#users.take(user);
    // only now: both may be one user
    if (!this.#users.isFree(to)) {
      leaveUser();
      return undefined;
    }
    const leave = [leaveUser, this.#users.take(to), this.#pairs.take(pair), this.#networks.take(network)];
    return () => {
      for (const place of leave) place();
    };
  }
}
