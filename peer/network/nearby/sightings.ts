import type { DeviceId } from "../../../shared/device-id.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import type { Runtime } from "../../messaging/runtime.ts";
import { isNearby } from "../dialling/dialable.ts";
import type { NetworkLimits } from "../limits.ts";

type Options = {
  /** Believe loopback addresses too. */
  readonly allowLocal: boolean;
  readonly runtime: Pick<Runtime, "monotonic">;
  readonly limits: Pick<NetworkLimits, "lanKeepMs" | "lanFoundIntervalMs">;
  /** A device is there, or is back, or moved. */
  readonly onFound: (device: DeviceId) => void;
};

type Sighting = { readonly addresses: readonly string[]; readonly atMs: number };

/** One answer may name thousands. */
const MAX_LOOKED_AT = 32;

/** Where devices say they are on the local network. Anybody there may say it in their name, and as often as they like. */
export class Sightings {
  readonly #options: Options;
  readonly #last = new Map<DeviceId, Sighting>();
  readonly #told = new Map<DeviceId, Sighting>();

  constructor(options: Options) {
    this.#options = options;
  }

  /** @param addresses  without the device's id; those beyond a private network are passed over */
  heard(device: DeviceId, addresses: readonly string[]): void {
    const { allowLocal, runtime, limits, onFound } = this.#options;
    const found = addresses
      .slice(0, MAX_LOOKED_AT)
      .map((address) => `${address}/p2p/${device}`)
      .filter((address) => isNearby(device, address, allowLocal))
      .toSorted()
      .slice(0, LIMITS.addressRecordMaxAddresses);
    if (found.length === 0) return;
    const sighting = { addresses: found, atMs: runtime.monotonic() };
    const wasThere = this.addressesOf(device).length > 0;
    this.#last.set(device, sighting);
    const told = this.#told.get(device);
    const isNews = !wasThere || told?.addresses.join() !== found.join();
    if (!isNews || (told !== undefined && sighting.atMs - told.atMs < limits.lanFoundIntervalMs)) return;
    this.#told.set(device, sighting);
    onFound(device);
  }

  addressesOf(device: DeviceId): readonly string[] {
    const sighting = this.#last.get(device);
    const isFresh =
      sighting !== undefined && this.#options.runtime.monotonic() - sighting.atMs < this.#options.limits.lanKeepMs;
    return isFresh ? sighting.addresses : [];
  }
}
