import { multiaddr } from "@multiformats/multiaddr";
import { ipScope } from "./ip-scope.ts";

/**
 * How near a relay may be that others name: whoever dials it knocks at a port of somebody's choice, and in a private
 * network or on this machine that is a port which they could not reach themselves.
 */
export type RelayReach = "global" | "private" | "loopback";

/** Names that only a private network's own resolver knows (RFC 6762, RFC 8375, ICANN 2024), or that have no dot. */
const PRIVATE_NAME = /^[^.:]+$|\.(?:local|internal|home\.arpa)$/;
const LOCALHOST = /^(?:.+\.)?localhost$/;

/**
 * What the users of a naming server may expect of its relays: where the server is on this machine or in a private
 * network by its URL, so may they be.
 */
export function relayReachAt(serverUrl: string): RelayReach {
  const hostname = new URL(serverUrl).hostname.replace(/^\[|\]$|\.$/g, "");
  const scope = ipScope(hostname);
  if (scope === "loopback" || LOCALHOST.test(hostname)) return "loopback";
  return scope === "private" || (scope === undefined && PRIVATE_NAME.test(hostname)) ? "private" : "global";
}

/** A relay at a host name passes: nobody dials it. */
export function isWithinReach(relayAddress: string, reach: RelayReach): boolean {
  const scope = ipScope(hostOf(relayAddress));
  if (scope === "private") return reach !== "global";
  if (scope === "loopback" || scope === "link-local") return reach === "loopback";
  return scope !== "special";
}

function hostOf(relayAddress: string): string {
  try {
    return multiaddr(relayAddress).getComponents()[0]?.value ?? "";
  } catch {
    return "";
  }
}
