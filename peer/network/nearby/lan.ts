import type { PeerDiscovery } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import type { DeviceId } from "../../../shared/device-id.ts";
import { findDevice } from "../find-device.ts";
import type { Libp2pParts } from "../transport/libp2p.ts";
import { Sightings } from "./sightings.ts";

export type LanOptions = {
  readonly parts: Libp2pParts;
  /** Where others on the same network reach this device, each ending in `/p2p/<own id>`. */
  readonly addresses: () => readonly string[];
  readonly isContact: (device: DeviceId) => boolean;
} & ConstructorParameters<typeof Sightings>[0];

/** Contacts' devices on the local network. */
export interface Lan {
  addressesOf(device: DeviceId): readonly string[];
  stop(): Promise<void>;
}

/**
 * Looks for contacts by multicast DNS, as every libp2p program does, and answers whoever asks. Whoever hears it, all of
 * the local network, learns this device's id and addresses there.
 */
export async function startLan(options: LanOptions): Promise<Lan> {
  const { mdns } = await import("@libp2p/mdns");
  const addressManager = { getAddresses: () => options.addresses().map((address) => multiaddr(address)) };
  // of its address manager it needs that one answer, and must not get libp2p's, which knows relays too
  const discovery = mdns()({ ...options.parts, addressManager } as Libp2pParts) as PeerDiscovery & Startable;
  const sightings = new Sightings(options);
  discovery.addEventListener("peer", ({ detail }) => {
    const device = findDevice(detail.id.toString());
    if (device === undefined || !options.isContact(device)) return;
    sightings.heard(device, detail.multiaddrs.map(String));
  });
  await discovery.start();
  return {
    addressesOf: (device) => sightings.addressesOf(device),
    stop: () => discovery.stop(),
  };
}

type Startable = { start(): Promise<void>; stop(): Promise<void> };
