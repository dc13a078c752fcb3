import { ipScope } from "./ip-scope.ts";
import { findTcpAddress } from "./tcp-address.ts";

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

/** False for what nobody dials, such as a host name, another transport, port 0. */
export function isWithinReach(relayAddress: string, reach: RelayReach): boolean {
  const { host = "", port = 0 } = findTcpAddress(relayAddress) ?? {};
  const scope = port > 0 ? ipScope(host) : undefined;
  if (scope === "private") return reach !== "global";
  if (scope === "loopback" || scope === "link-local") return reach === "loopback";
  return scope === "global";
}
