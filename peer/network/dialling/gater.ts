import type { ConnectionGater } from "@libp2p/interface";
import type { Refusal } from "../connections.ts";
import { findDevice } from "../find-device.ts";
import { dialableAddresses } from "./dialable.ts";

type Options = {
  readonly allowLocal: boolean;
  /** Why an inbound connection of this peer is refused, or undefined. */
  readonly refusal: (peerId: string) => Refusal | undefined;
  /** The same before one comes through a relay, which says whose it is. */
  readonly refusalThroughRelay?: (peerId: string, relayPeerId: string) => Refusal | undefined;
  readonly onRefused: (reason: Refusal) => void;
};

/**
 * Who may connect, and what may be dialled. libp2p's own limits count before anybody is known by name; these count
 * after the handshake has proved who it is.
 */
export function connectionGater({
  allowLocal,
  refusal,
  refusalThroughRelay = refusal,
  onRefused,
}: Options): ConnectionGater {
  const denies = (reason: Refusal | undefined) => {
    if (reason !== undefined) onRefused(reason);
    return reason !== undefined;
  };
  return {
    denyDialMultiaddr: (address) => {
      const device = findDevice(address.getComponents().at(-1)?.value ?? "");
      return device === undefined || dialableAddresses(device, [address.toString()], allowLocal).length === 0;
    },
    denyInboundRelayedConnection: (relay, peer) => denies(refusalThroughRelay(peer.toString(), relay.toString())),
    denyInboundEncryptedConnection: (peer) => denies(refusal(peer.toString())),
    // again: others may have been admitted while this one agreed on its multiplexer
    denyInboundUpgradedConnection: (peer) => denies(refusal(peer.toString())),
  };
}
