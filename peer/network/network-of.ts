import { isIPv6, SocketAddress } from "node:net";
import type { Multiaddr } from "@multiformats/multiaddr";

/**
 * What limits count somebody by: the IPv4 address, or the first 64 bits of the IPv6 address, which is the least that a
 * provider hands to one customer.
 */
export function networkOf(address: Multiaddr): string {
  const host = address.getComponents()[0]?.value ?? "";
  if (!isIPv6(host)) return host;
  const canonical = new SocketAddress({ address: host, family: "ipv6" }).address;
  return /^::ffff:([\d.]+)$/.exec(canonical)?.[1] ?? `${firstGroups(canonical)}::/64`;
}

function firstGroups(canonical: string): string {
  const [head = "", tail] = canonical.split("::");
  const left = head === "" ? [] : head.split(":");
  if (tail === undefined) return left.slice(0, 4).join(":");
  const right = tail === "" ? [] : tail.split(":");
  const missing = 8 - left.length - right.length;
  return [...left, ...Array.from({ length: missing }, () => "0"), ...right].slice(0, 4).join(":");
}
