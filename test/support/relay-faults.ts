import type { MemoryRelay, Tampering } from "./memory-mailboxes.ts";

/** What becomes of a relay, or of what it hands out, until the next of these. */
export const RELAY_FAULTS = {
  down: (relay) => relay.goDown(),
  loses: (relay) => relay.loseEverything(),
  drops: tampering((parcels) => parcels.filter((_, at) => at % 3 !== 1)),
  doubles: tampering((parcels) => [...parcels, ...parcels]),
  turns: tampering((parcels) => parcels.toReversed()),
  alters: tampering((parcels) => parcels.map(({ place, parcel }) => ({ place, parcel: parcel.with(99, place % 256) }))),
  mends: (relay) => {
    relay.comeBack();
    relay.tamper = (parcels) => parcels;
  },
} as const satisfies Record<string, (relay: MemoryRelay) => void>;

function tampering(tamper: Tampering): (relay: MemoryRelay) => void {
  return (relay) => {
    relay.tamper = tamper;
  };
}
