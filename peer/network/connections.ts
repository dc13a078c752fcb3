import type { Connection } from "@libp2p/interface";
import { type DeviceId, parseDeviceId } from "../../shared/device-id.ts";
import { STREAM_PROTOCOLS } from "../../shared/protocol.ts";
import type { NetworkLimits } from "./limits.ts";

/** What this table needs of a libp2p connection. */
export type TrackedConnection = Pick<Connection, "id" | "remotePeer" | "direction" | "status" | "close" | "abort"> & {
  readonly streams: readonly { readonly protocol: string }[];
};

export type Refusal = "key-type" | "connections-per-device" | "connections" | "connections-of-strangers";

export type ConnectionCounts = {
  readonly open: number;
  readonly inbound: number;
  readonly contacts: number;
};

type Entry<C> = {
  readonly connection: C;
  readonly device: DeviceId;
  readonly contact: boolean;
  /** It did not answer once. Perhaps only slow: what runs on it goes on, nothing new starts. */
  distrusted?: true;
  unusedSince?: number;
};

type Options = {
  readonly self: DeviceId;
  readonly limits: NetworkLimits;
  readonly isContact: (device: DeviceId) => boolean;
};

const MESSAGE_PROTOCOLS: ReadonlySet<string> = new Set(Object.values(STREAM_PROTOCOLS));

/** The open connections: whom to admit, which of two to use, which to close. */
export class Connections<C extends TrackedConnection> {
  readonly #self: DeviceId;
  readonly #limits: NetworkLimits;
  readonly #isContact: (device: DeviceId) => boolean;
  readonly #byDevice = new Map<DeviceId, Entry<C>[]>();

  constructor({ self, limits, isContact }: Options) {
    this.#self = self;
    this.#limits = limits;
    this.#isContact = isContact;
  }

  /** Why an inbound connection of this peer must be refused, or undefined. */
  refusal(peerId: string): Refusal | undefined {
    const device = findDevice(peerId);
    if (device === undefined) return "key-type";
    const limits = this.#limits;
    if (this.#entries(device).length >= limits.connectionsPerDevice) return "connections-per-device";
    const { open, contacts } = this.counts();
    if (open >= limits.connections) return "connections";
    const forStrangers = limits.connections - limits.connectionsForContacts;
    return open - contacts >= forStrangers && !this.#isContact(device) ? "connections-of-strangers" : undefined;
  }

  /** Takes note of a new connection; true when it is the only one to that device. */
  add(device: DeviceId, connection: C): boolean {
    const entries = this.#entries(device);
    this.#byDevice.set(device, [...entries, { connection, device, contact: this.#isContact(device) }]);
    return entries.length === 0;
  }

  /** True when none is left to that device. */
  remove(device: DeviceId, id: string): boolean {
    const rest = this.#entries(device).filter(({ connection }) => connection.id !== id);
    if (rest.length > 0) this.#byDevice.set(device, rest);
    else this.#byDevice.delete(device);
    return rest.length === 0;
  }

  /**
   * The connection to use. Of several, both sides choose the same: one that the smaller peer id dialled, and of those
   * the newest, since a device dials again only when the old one is dead for it.
   */
  best(device: DeviceId): C | undefined {
    const open = this.#entries(device).filter((entry) => entry.connection.status === "open" && !entry.distrusted);
    const preferred = this.#self < device ? "outbound" : "inbound";
    const chosen = open.findLast(({ connection }) => connection.direction === preferred) ?? open.at(-1);
    return chosen?.connection;
  }

  distrust(device: DeviceId, connection: C): void {
    const entry = this.#entries(device).find((candidate) => candidate.connection.id === connection.id);
    if (entry !== undefined) entry.distrusted = true;
  }

  counts(): ConnectionCounts {
    const all = [...this.#byDevice.values()].flat();
    return {
      open: all.length,
      inbound: all.filter(({ connection }) => connection.direction === "inbound").length,
      contacts: all.filter(({ contact }) => contact).length,
    };
  }

  /**
   * Closes what nobody uses: a doubled connection, by the side that dialled it, which alone knows whether it is about to
   * open a stream there; and any other than a contact's only one after a while. To be called now and then: a connection
   * counts as unused when two calls in a row find it so.
   */
  sweep(nowMs: number): void {
    for (const entry of [...this.#byDevice.values()].flat()) {
      const isUsed = entry.connection.streams.some(
        ({ protocol }) => protocol === "" || MESSAGE_PROTOCOLS.has(protocol),
      );
      if (isUsed) delete entry.unusedSince;
      else if (entry.unusedSince === undefined) entry.unusedSince = nowMs;
      else if (nowMs - entry.unusedSince >= this.#patienceMs(entry)) closeQuietly(entry.connection);
    }
  }

  #patienceMs({ connection, device, contact }: Entry<C>): number {
    const doubled = this.best(device)?.id !== connection.id;
    if (doubled && connection.direction === "outbound") return 0;
    return contact && !doubled ? Number.POSITIVE_INFINITY : this.#limits.unusedConnectionMs;
  }

  #entries(device: DeviceId): readonly Entry<C>[] {
    return this.#byDevice.get(device) ?? [];
  }
}

/** The device behind a peer id, or undefined for keys other than Ed25519. */
export function findDevice(peerId: string): DeviceId | undefined {
  try {
    return parseDeviceId(peerId);
  } catch {
    return undefined;
  }
}

function closeQuietly(connection: TrackedConnection): void {
  connection.close().catch((error: Error) => connection.abort(error));
}
