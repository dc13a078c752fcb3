/** The IPv6 /48 around a network; undefined for an IPv4 address, which has none. */
export function siteOf(network: string): string | undefined {
  return network.endsWith("::/64") ? `${network.split(":", 3).join(":")}::/48` : undefined;
}
