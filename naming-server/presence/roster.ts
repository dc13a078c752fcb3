import type { DeviceId } from "../../shared/device-id.ts";
import type { Username } from "../../shared/username.ts";
import type { Presence, Transition } from "../storage/store.ts";

export type Change = { readonly name: Username; readonly device: DeviceId; readonly online: boolean };

/** What the last transition of a device said. */
type Known = Omit<Change, "device"> & { readonly id: number };

type Recent = { readonly device: DeviceId; readonly seenAtMs: number };

/**
 * Who is online, as far as this instance has read the transitions, and which of them were lately. Transitions may come
 * twice and out of order: of one device's the highest id counts.
 */
export class Roster {
  readonly #overlapMs: number;
  #devices = new Map<DeviceId, Known>();
  /** By id, in the order in which they were seen. */
  readonly #recent = new Map<number, Recent>();
  /** Every transition above it that was to be seen is among the recent ones. */
  #floor = 0;
  #newest = 0;

  /** @param overlapMs  for how long a lower id may still appear after a higher one */
  constructor(overlapMs: number) {
    this.#overlapMs = overlapMs;
  }

  get newest(): number {
    return this.#newest;
  }

  /** Takes transitions in; answers what they changed. */
  apply(rows: readonly Transition[], nowMs: number): Change[] {
    const before = new Map(rows.map(({ device }) => [device, this.#isOnline(device)]));
    for (const row of rows) if (this.#note(row, nowMs)) this.#place(row);
    return [...before].flatMap(([device, wasOnline]) => this.#changeOf(device, wasOnline));
  }

  /**
   * Begins anew with what the store says; answers what that changes.
   *
   * @param rows  transitions read after `presence` was, so that none between the two is missed
   */
  replace({ newest, online }: Presence, rows: readonly Transition[], nowMs: number): Change[] {
    const before = this.#devices;
    const isFirst = this.#newest === 0;
    this.#newest = Math.max(this.#newest, newest);
    this.#devices = new Map(online.map(({ name, device }) => [device, { name, online: true, id: 0 }]));
    for (const row of rows) {
      this.#note(row, nowMs);
      this.#place(row);
    }
    if (isFirst) this.#floor = (rows[0]?.id ?? newest + 1) - 1;
    for (const [device, { name }] of before) {
      if (!this.#devices.has(device)) this.#devices.set(device, { name, online: false, id: 0 });
    }
    return [...this.#devices.keys()].flatMap((device) => this.#changeOf(device, before.get(device)?.online ?? false));
  }

  /** How the devices are now that changed since event `id`; undefined where that is not known any more, or not yet. */
  changesSince(id: number): Change[] | undefined {
    if (id < this.#floor || id > this.#newest) return undefined;
    const seenAtMs = this.#recent.get(id)?.seenAtMs ?? Number.NEGATIVE_INFINITY;
    const changed = new Set<DeviceId>();
    for (const [recentId, recent] of this.#recent) {
      if (recentId > id || recent.seenAtMs > seenAtMs - this.#overlapMs) changed.add(recent.device);
    }
    return [...changed].flatMap((device) => this.#viewOf(device));
  }

  /** Everybody who is online, ordered by name. */
  list(): { name: Username; devices: DeviceId[] }[] {
    const names = new Map<Username, DeviceId[]>();
    for (const [device, { name, online }] of this.#devices) {
      if (!online) continue;
      const devices = names.get(name);
      if (devices === undefined) names.set(name, [device]);
      else devices.push(device);
    }
    const people = [...names].map(([name, devices]) => ({ name, devices: devices.sort() }));
    return people.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Keeps no more than so many recent transitions, and all above `id`, which may be read again. */
  forget(count: number, id: number): void {
    for (const [oldId, { device }] of this.#recent) {
      if (this.#recent.size <= count) return;
      if (oldId > id) continue;
      this.#recent.delete(oldId);
      this.#floor = Math.max(this.#floor, oldId);
      const known = this.#devices.get(device);
      if (known !== undefined && !known.online && known.id <= oldId) this.#devices.delete(device);
    }
  }

  /** False for one that was seen before. */
  #note({ id, device }: Transition, seenAtMs: number): boolean {
    if (this.#recent.has(id)) return false;
    this.#recent.set(id, { device, seenAtMs });
    this.#newest = Math.max(this.#newest, id);
    return true;
  }

  #place({ id, name, device, online }: Transition): void {
    if (id >= (this.#devices.get(device)?.id ?? 0)) this.#devices.set(device, { name, online, id });
  }

  #isOnline(device: DeviceId): boolean {
    return this.#devices.get(device)?.online ?? false;
  }

  #changeOf(device: DeviceId, wasOnline: boolean): Change[] {
    return this.#isOnline(device) === wasOnline ? [] : this.#viewOf(device);
  }

  #viewOf(device: DeviceId): Change[] {
    const known = this.#devices.get(device);
    return known === undefined ? [] : [{ name: known.name, device, online: known.online }];
  }
}
