import { createHmac } from "node:crypto";
import type { DeviceId } from "../../../shared/device-id.ts";
import { ipNeighbourhood } from "../../../shared/ip-network.ts";
import type { Runtime } from "../runtime.ts";
import type { Store } from "../store.ts";

/** `address`: a multiaddr that begins with the relay's IP address. */
type Candidate = { readonly relay: DeviceId; readonly address: string };

export const ORDER_SECRET_BYTES = 32;

/** What the order goes by, made on first use: whoever knew it could make relays that this profile would choose. */
export function relayOrderSecret(
  { mailbox, transaction }: Pick<Store, "mailbox" | "transaction">,
  { randomBytes }: Pick<Runtime, "randomBytes">,
): Uint8Array {
  const known = mailbox.relayOrderSecret();
  if (known !== undefined) return known;
  const made = randomBytes(ORDER_SECRET_BYTES);
  transaction(() => mailbox.saveRelayOrderSecret(made));
  return made;
}

/**
 * The addresses in an order that only the secret's holder can tell. One of each network comes before a second of any:
 * ids cost nothing, so somebody with many relays in one place has one chance as everybody else.
 */
export function orderRelays(candidates: readonly Candidate[], secret: Uint8Array): readonly string[] {
  const chance = (text: string) => createHmac("sha256", secret).update(text).digest();
  const drawn = candidates
    .map((candidate) => ({ ...candidate, lot: chance(candidate.relay) }))
    .toSorted((a, b) => Buffer.compare(a.lot, b.lot));
  const counts = new Map<string, number>();
  return drawn
    .map(({ address }) => {
      const network = ipNeighbourhood(address.split("/")[2] ?? "");
      const turn = counts.get(network) ?? 0;
      counts.set(network, turn + 1);
      return { address, turn, lot: chance(network) };
    })
    .toSorted((a, b) => a.turn - b.turn || Buffer.compare(a.lot, b.lot))
    .map(({ address }) => address);
}
