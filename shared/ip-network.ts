import { isIPv6, SocketAddress } from "node:net";

/**
 * What limits count somebody by: an IPv4 address, or the first 64 bits of an IPv6 address (`2001:db8:0:1::/64`), which is
 * the least that a provider hands to one customer. An IPv4 address written as IPv6 counts as such; other text as it is.
 */
export function ipNetwork(address: string): string {
  const canonical = canonicalIp(address);
  return isIPv6(canonical) ? `${firstGroups(canonical, 4)}::/64` : canonical;
}

/** What one provider holds many addresses of: 16 bits of an IPv4 address, 32 of an IPv6 one. */
export function ipNeighbourhood(address: string): string {
  const canonical = canonicalIp(address);
  if (isIPv6(canonical)) return `${firstGroups(canonical, 2)}::/32`;
  return canonical.split(".").slice(0, 2).join(".");
}

/** The one spelling of an IPv6 address (RFC 5952), without its zone; an IPv4 address within one as such. */
export function canonicalIp(address: string): string {
  if (!isIPv6(address)) return address;
  const canonical = new SocketAddress({ address, family: "ipv6" }).address;
  return /^::ffff:([\d.]+)$/.exec(canonical)?.[1] ?? canonical;
}

function firstGroups(canonical: string, count: number): string {
  const [head = "", tail] = canonical.split("::");
  const left = head === "" ? [] : head.split(":");
  if (tail === undefined) return left.slice(0, count).join(":");
  const right = tail === "" ? [] : tail.split(":");
  const missing = 8 - left.length - right.length;
  return [...left, ...Array.from({ length: missing }, () => "0"), ...right].slice(0, count).join(":");
}
