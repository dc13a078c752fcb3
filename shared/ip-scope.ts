import { BlockList, isIPv4, isIPv6 } from "node:net";

/** How far an address reaches; `special` is nothing that one peer can be dialled at (unspecified, multicast, reserved). */
export type IpScope = "global" | "private" | "loopback" | "link-local" | "special";

/** The IANA special-purpose registries (RFC 6890), as far as they matter here; the first that fits decides. */
const SCOPES = [
  ["loopback", ["127.0.0.0/8", "::1/128"]],
  ["link-local", ["169.254.0.0/16", "fe80::/10"]],
  ["private", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fec0::/10"]],
  [
    "special",
    [
      // 198.18.0.0/15: laboratories, and programs that make up an address for each name
      ...["0.0.0.0/8", "192.0.0.0/24", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4", "ff00::/8", "::/96", "100::/64"],
      // what holds an IPv4 address, of whatever scope: NAT64, Teredo, 6to4
      ...["64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16"],
    ],
  ],
] as const;

const LISTS = SCOPES.map(([scope, networks]) => ({ scope, list: blockList(networks) }));

/**
 * IPv4 addresses written as IPv6 (`::ffff:127.0.0.1`) have the scope of the IPv4 address.
 *
 * @returns undefined for what is no IP address
 */
export function ipScope(address: string): IpScope | undefined {
  const family = isIPv4(address) ? "ipv4" : isIPv6(address) ? "ipv6" : undefined;
  if (family === undefined) return undefined;
  return LISTS.find(({ list }) => list.check(address, family))?.scope ?? "global";
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", bits] = network.split("/");
    list.addSubnet(address, Number(bits), isIPv4(address) ? "ipv4" : "ipv6");
  }
  return list;
}
