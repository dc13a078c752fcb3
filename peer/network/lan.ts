import type { PeerDiscovery, PeerInfo } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import type { DeviceId } from "../../shared/device-id.ts";
import type { Runtime } from "../messaging/runtime.ts";
import { isNearby } from "./dialable.ts";
import { findDevice } from "./find-device.ts";
import type { Libp2pParts } from "./libp2p.ts";

export type LanOptions = {
  readonly parts: Libp2pParts;
  /** Where others on the same network reach this device, each ending in `/p2p/<own id>`. */
  readonly addresses: () => readonly string[];
  readonly isContact: (device: DeviceId) => boolean;
  /** Believe loopback addresses too. */
  readonly allowLocal: boolean;
  readonly runtime: Pick<Runtime, "monotonic">;
  /** How long a device counts as there after it was last heard of. */
  readonly keepMs: number;
  /** A contact's device is there, or is back, or moved. */
  readonly onFound: (device: DeviceId) => void;
};

/** Contacts' devices on the local network. */
export interface Lan {
  addressesOf(device: DeviceId): readonly string[];
  stop(): Promise<void>;
}

type Sighting = { readonly addresses: readonly string[]; readonly atMs: number };

/**
 * Looks for contacts by multicast DNS, as every libp2p program does, and answers whoever asks. Whoever hears it, all of
 * the local network, learns this device's id and addresses there.
 */
export async function startLan(options: LanOptions): Promise<Lan> {
  const { mdns } = await import("@libp2p/mdns");
  const addressManager = { getAddresses: () => options.addresses().map((address) => multiaddr(address)) };
  // of its address manager it needs that one answer, and must not get libp2p's, which knows relays too
  const discovery = mdns()({ ...options.parts, addressManager } as Libp2pParts) as PeerDiscovery & Startable;
  const sightings = new Map<DeviceId, Sighting>();
  const isFresh = ({ atMs }: Sighting) => options.runtime.monotonic() - atMs < options.keepMs;
  discovery.addEventListener("peer", ({ detail }) => {
    const device = findDevice(detail.id.toString());
    if (device === undefined || !options.isContact(device)) return;
    const addresses = nearbyAddresses(device, detail, options.allowLocal);
    if (addresses.length === 0) return;
    const before = sightings.get(device);
    sightings.set(device, { addresses, atMs: options.runtime.monotonic() });
    if (before === undefined || !isFresh(before) || before.addresses.join() !== addresses.join()) {
      options.onFound(device);
    }
  });
  await discovery.start();
  return {
    addressesOf(device) {
      const sighting = sightings.get(device);
      return sighting !== undefined && isFresh(sighting) ? sighting.addresses : [];
    },
    stop: () => discovery.stop(),
  };
}

type Startable = { start(): Promise<void>; stop(): Promise<void> };

/** Anybody may have sent it: nothing beyond this network is believed. */
function nearbyAddresses(device: DeviceId, { multiaddrs }: PeerInfo, allowLocal: boolean): string[] {
  const addresses = multiaddrs.map((address) => `${address}/p2p/${device}`);
  return addresses.filter((address) => isNearby(device, address, allowLocal)).toSorted();
}
