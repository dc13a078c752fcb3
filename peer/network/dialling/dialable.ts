import type { DeviceId } from "../../../shared/device-id.ts";
import { ChatError } from "../../../shared/errors.ts";
import { type IpScope, ipScope } from "../../../shared/ip-scope.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { findTcpAddress } from "../../../shared/tcp-address.ts";
import { findDevice } from "../find-device.ts";

/**
 * The addresses of a record that may be dialled: `/ip4|ip6/.../tcp/<port>/p2p/<device>`, or the same of a relay followed
 * by `/p2p-circuit/p2p/<device>`, and nothing else, at most as many as a record holds. Without the peer id whoever
 * answers would be believed; a host name would let a record point at this machine or make it resolve names of the
 * sender's choice.
 *
 * @param allowLocal  loopback and link-local addresses too, for peers on one machine
 */
export function dialableAddresses(device: DeviceId, addresses: readonly string[], allowLocal: boolean): string[] {
  const dialable = new Set(addresses.filter((address) => isDialable(device, address, allowLocal)));
  return [...dialable].slice(0, LIMITS.addressRecordMaxAddresses);
}

/** How a device may be found: by what its record says, and by what was heard of it on the local network. */
export type Whereabouts = { readonly nearby: readonly string[]; readonly record: readonly string[] };

/** What may be dialled of both, nearby first; none of what was heard takes a place of the record's. */
export function dialableOf(device: DeviceId, { nearby, record }: Whereabouts, allowLocal: boolean): string[] {
  return [
    ...new Set([...dialableAddresses(device, nearby, allowLocal), ...dialableAddresses(device, record, allowLocal)]),
  ];
}

/** A direct address within a private network, or on this machine where that is allowed. */
export function isNearby(device: DeviceId, address: string, allowLocal: boolean): boolean {
  const parts = findTcpAddress(address);
  return isDirectlyDialable(device, address, allowLocal) && parts !== undefined && ipScope(parts.host) !== "global";
}

/** Of relays that a list names, those that may be dialled: each ends in its own `/p2p/<relay>`, each once. */
export function dialableRelays(addresses: readonly string[], allowLocal: boolean): string[] {
  return [...new Set(addresses)].filter((address) => {
    const relay = findDevice(address.split("/p2p/").at(-1) ?? "");
    return relay !== undefined && isDirectlyDialable(relay, address, allowLocal);
  });
}

function isDialable(device: DeviceId, address: string, allowLocal: boolean): boolean {
  const circuit = circuitParts(address);
  if (circuit === undefined) return isDirectlyDialable(device, address, allowLocal);
  const { relay } = circuit;
  // another kind of key could not be dialled, and nobody is their own relay
  if (circuit.device !== device || relay === device || findDevice(relay) === undefined) return false;
  return isDirectlyDialable(relay, circuit.relayAddress, allowLocal);
}

function isDirectlyDialable(device: string, address: string, allowLocal: boolean): boolean {
  const parts = findTcpAddress(address);
  return parts !== undefined && parts.peer === device && parts.port > 0 && isReachable(ipScope(parts.host), allowLocal);
}

export type CircuitParts = {
  /** Multiaddr that ends in `/p2p/<relay>`. */
  readonly relayAddress: string;
  readonly relay: string;
  readonly device: string;
};

/** The two ends of `<relay address>/p2p/<relay>/p2p-circuit/p2p/<device>`; undefined for every other form. */
export function circuitParts(address: string): CircuitParts | undefined {
  const [relayAddress, device, ...more] = address.split("/p2p-circuit/p2p/");
  const relay = relayAddress?.split("/").at(-1);
  if (relayAddress === undefined || relay === undefined || device === undefined || more.length > 0) return undefined;
  return device.includes("/") ? undefined : { relayAddress, relay, device };
}

/**
 * What of the listeners' addresses is worth telling others, the farthest reaching first; loopback only for peers on
 * this machine, link-local never, since it means nothing on another link.
 */
export function announceableAddresses(device: DeviceId, listening: readonly string[], allowLocal: boolean): string[] {
  const order: readonly (IpScope | undefined)[] = allowLocal
    ? ["loopback", "global", "private"]
    : ["global", "private"];
  const found = listening.flatMap((address) => {
    const parts = findTcpAddress(address);
    const rank = parts === undefined ? -1 : order.indexOf(ipScope(parts.host));
    return rank < 0 ? [] : [{ rank, address: `${address}/p2p/${device}` }];
  });
  const ranked = found.toSorted((a, b) => a.rank - b.rank).map(({ address }) => address);
  return [...new Set(ranked)].slice(0, LIMITS.addressRecordMaxAddresses);
}

/**
 * Addresses as somebody wrote them under which others reach this device; its id may be left out.
 *
 * @throws ChatError CONFIG_INVALID with reason `announce`
 */
export function announcedAddresses(device: DeviceId, written: readonly string[], allowLocal: boolean): string[] {
  const suffix = `/p2p/${device}`;
  return written.map((address) => {
    const whole = address.endsWith(suffix) ? address : `${address}${suffix}`;
    if (isDirectlyDialable(device, whole, allowLocal)) return whole;
    throw new ChatError("CONFIG_INVALID", `${address} is no address of this device`, { reason: "announce" });
  });
}

/** The TCP port of the listener at that IP address. */
export function portAt(host: string, listening: readonly string[]): number | undefined {
  return listening.map(findTcpAddress).find((parts) => parts?.host === host)?.port;
}

function isReachable(scope: IpScope | undefined, allowLocal: boolean): boolean {
  if (scope === "loopback" || scope === "link-local") return allowLocal;
  return scope === "global" || scope === "private";
}
