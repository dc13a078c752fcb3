import { isIPv4, isIPv6 } from "node:net";
import { ChatError } from "../../../shared/errors.ts";

/** Where to accept connections; port 0 picks a free one for each host. */
export type Listen = { readonly hosts?: readonly string[]; readonly port: number };

/** Node binds `::` to IPv6 only, so both are needed. */
const ALL_INTERFACES = ["0.0.0.0", "::"];

/** @throws ChatError CONFIG_INVALID */
export function listenAddresses({ hosts = ALL_INTERFACES, port }: Listen): string[] {
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new ChatError("CONFIG_INVALID", `${port} is no port`, { reason: "listen" });
  }
  return hosts.map((host) => {
    if (isIPv4(host)) return `/ip4/${host}/tcp/${port}`;
    if (isIPv6(host)) return `/ip6/${host}/tcp/${port}`;
    throw new ChatError("CONFIG_INVALID", `${host} is no IP address to listen on`, { reason: "listen" });
  });
}
