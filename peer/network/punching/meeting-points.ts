import { isIPv6 } from "node:net";
import { ipScope } from "../../../shared/ip-scope.ts";
import type { Endpoint } from "../../../shared/punch-frames.ts";

/** Where relays see this node's connections come from, for as long as those are open. */
export class MeetingPoints {
  readonly #seen = new Map<string, Endpoint>();

  add(connectionId: string, endpoint: Endpoint): void {
    this.#seen.set(connectionId, endpoint);
  }

  has(connectionId: string): boolean {
    return this.#seen.has(connectionId);
  }

  remove(connectionId: string): void {
    this.#seen.delete(connectionId);
  }

  /**
   * One of each IP version at most. Where two relays see different ones the router gives every connection another port,
   * so nobody could tell the next.
   */
  own(): Endpoint[] {
    return [false, true].flatMap((v6) => {
      const [first, ...others] = [...this.#seen.values()].filter(({ host }) => isIPv6(host) === v6);
      const agree = others.every(({ host, port }) => host === first?.host && port === first.port);
      return first !== undefined && agree ? [first] : [];
    });
  }
}

/** Where to go to meet the other side: over IPv6 where both can, which has fewer routers in its way. */
export function meetingPoint(own: readonly Endpoint[], theirs: readonly Endpoint[]): Endpoint | undefined {
  const shared = theirs.filter(({ host }) => own.some((one) => isIPv6(one.host) === isIPv6(host)));
  return shared.find(({ host }) => isIPv6(host)) ?? shared[0];
}

/** Below them services listen that count who knocks; whoever listens there can be dialled, and met nowhere. */
const FIRST_FREE_PORT = 1024;

/** Whether to go where somebody else says. @param allowLocal  this machine and private networks too */
export function isMeetable({ host, port }: Endpoint, allowLocal: boolean): boolean {
  const scope = ipScope(host);
  const isFarEnough = scope === "global" || (allowLocal && (scope === "loopback" || scope === "private"));
  return isFarEnough && port >= FIRST_FREE_PORT;
}
