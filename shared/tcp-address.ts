import { multiaddr } from "@multiformats/multiaddr";

/** Where a multiaddr leads; `peer`: the peer id at its end, if any. */
export type TcpAddress = { readonly host: string; readonly port: number; readonly peer: string | undefined };

/**
 * Reads exactly an IP address, a TCP port and possibly a peer id; undefined for every other multiaddr: a relay between, another
 * transport, a zone, a name. That is what peers dial, if the port is not 0.
 */
export function findTcpAddress(address: string): TcpAddress | undefined {
  const components = componentsOf(address);
  const [ip, tcp, p2p] = components;
  if (components.length > 3 || ip?.value === undefined || tcp?.value === undefined) return undefined;
  if ((ip.name !== "ip4" && ip.name !== "ip6") || tcp.name !== "tcp") return undefined;
  if (p2p !== undefined && p2p.name !== "p2p") return undefined;
  return { host: ip.value, port: Number(tcp.value), peer: p2p?.value };
}

function componentsOf(address: string): { name: string; value?: string }[] {
  try {
    return multiaddr(address).getComponents();
  } catch {
    return [];
  }
}
