import type { Multiaddr } from "@multiformats/multiaddr";
import { ipNetwork } from "../../../shared/ip-network.ts";

/** What limits count whoever is at that address by. */
export function networkOf(address: Multiaddr): string {
  return ipNetwork(address.getComponents()[0]?.value ?? "");
}
