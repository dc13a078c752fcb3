import { isAddressOf } from "./address-record.ts";
import { type DeviceId, parseDeviceId } from "./device-id.ts";

/**
 * The peer id of the relay that a multiaddr dials: its last component. Undefined for one that is malformed, spelt
 * another way, without a peer id, or that leads through a relay itself.
 */
export function findRelayOf(address: string): DeviceId | undefined {
  let relay: DeviceId;
  try {
    relay = parseDeviceId(address.slice(address.lastIndexOf("/") + 1));
  } catch {
    return undefined;
  }
  return isRelayAddressOf(relay, address) ? relay : undefined;
}

/** True for a canonical multiaddr that ends in `/p2p/<relay>` and holds no other peer id. */
export function isRelayAddressOf(relay: DeviceId, address: string): boolean {
  return isAddressOf(relay, address) && address.indexOf("/p2p") === address.lastIndexOf("/p2p/");
}
