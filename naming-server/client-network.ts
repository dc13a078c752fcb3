import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";
import { ChatError } from "../shared/errors.ts";
import { canonicalIp, ipNetwork } from "../shared/ip-network.ts";

/** Which proxies may say, in `X-Forwarded-For`, whom they ask for: so many in a row, or those at these addresses. */
export type TrustedProxies = { readonly hops: number } | { readonly list: BlockList };

const MAX_HOPS = 10;

/**
 * Reads `TRUST_PROXY`: a number of proxies in front of the server, or their addresses and networks, with commas. To trust
 * whoever connects would let every client choose its own address, so that cannot be said.
 *
 * @throws ChatError CONFIG_INVALID
 */
export function parseTrustedProxies(text: string): TrustedProxies {
  if (/^\d{1,2}$/.test(text) && Number(text) >= 1 && Number(text) <= MAX_HOPS) return { hops: Number(text) };
  const list = new BlockList();
  for (const entry of text.split(",")) addNetwork(list, entry.trim());
  return { list };
}

function addNetwork(list: BlockList, entry: string): void {
  const [address = "", prefix, ...more] = entry.split("/");
  const version = isIP(address);
  const [family, longest] = version === 6 ? (["ipv6", 128] as const) : (["ipv4", 32] as const);
  const length = prefix === undefined ? longest : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
  if (version === 0 || more.length > 0 || !(length >= 1 && length <= longest)) {
    const wanted = `a number of proxies from 1 to ${MAX_HOPS}, or their addresses or networks (10.0.0.0/8), with commas`;
    throw new ChatError("CONFIG_INVALID", wanted);
  }
  list.addSubnet(address, length, family);
}

/** What limits count a client by. */
export function createClientNetworks(trusted: TrustedProxies | undefined): (req: IncomingMessage) => string {
  return (req) => {
    const remote = req.socket.remoteAddress ?? "";
    if (trusted === undefined) return ipNetwork(plain(remote));
    const forwarded = req.headers["x-forwarded-for"];
    return ipNetwork(typeof forwarded === "string" ? clientOf(remote, forwarded, trusted) : plain(remote));
  };
}

/** Each proxy appends whom it was asked by: believed from the right, for as long as the one who says it is trusted. */
function clientOf(remote: string, forwarded: string, trusted: TrustedProxies): string {
  const chain = forwarded.split(",");
  let address = plain(remote);
  for (let hop = 0; isTrusted(address, hop, trusted); hop += 1) {
    const next = plain(chain.pop()?.trim() ?? "");
    if (isIP(next) === 0) break;
    address = next;
  }
  return address;
}

function isTrusted(address: string, hop: number, trusted: TrustedProxies): boolean {
  if ("hops" in trusted) return hop < trusted.hops;
  return isIP(address) !== 0 && trusted.list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

/** Without a port, which some proxies add, and an IPv4 address as such. */
function plain(text: string): string {
  return canonicalIp(/^\[(.+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text);
}
