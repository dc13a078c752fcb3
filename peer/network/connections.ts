import type { Connection } from "@libp2p/interface";
import type { DeviceId } from "../../shared/device-id.ts";
import { STREAM_PROTOCOLS } from "../../shared/protocol.ts";
import { type ConnectionPath, pathOf } from "./connection-path.ts";
import { findDevice } from "./find-device.ts";
import type { NetworkLimits } from "./limits.ts";
import { CIRCUIT_PROTOCOLS } from "./reservations/circuit-protocols.ts";

/** What this table needs of a libp2p connection. */
export type TrackedConnection = Pick<
  Connection,
  "id" | "remotePeer" | "direction" | "direct" | "status" | "close" | "abort"
> & {
  readonly streams: readonly { readonly protocol: string }[];
};

export type Refusal = "key-type" | "connections-per-device" | "connections" | "connections-of-strangers";

export type ConnectionCounts = {
  readonly open: number;
  readonly inbound: number;
  readonly contacts: number;
  /** To relays, on the way to others or to be reached. */
  readonly relays: number;
  /** To others than relays, by the way they run. */
  readonly paths: Readonly<Record<ConnectionPath, number>>;
};

type Entry<C> = {
  readonly connection: C;
  readonly device: DeviceId;
  readonly contact: boolean;
  /** It did not answer in time. Perhaps only slow: what runs on it goes on, nothing new starts until it has answered. */
  distrusted?: true;
  unusedSince?: number;
};

type Options = {
  readonly self: DeviceId;
  readonly limits: NetworkLimits;
  readonly isContact: (device: DeviceId) => boolean;
  /** A relay, and nobody to talk to. */
  readonly isRelay?: (device: DeviceId) => boolean;
  /** A relay on which this device is to be reached: its connection is kept though nothing runs on it. */
  readonly isOwnRelay?: (device: DeviceId) => boolean;
};

/** Streams that show that a connection is needed: messages, or a relayed connection inside it. */
const USED_BY: ReadonlySet<string> = new Set([...Object.values(STREAM_PROTOCOLS), ...CIRCUIT_PROTOCOLS]);

/** The open connections: whom to admit, which of two to use, which to close. */
export class Connections<C extends TrackedConnection> {
  readonly #self: DeviceId;
  readonly #limits: NetworkLimits;
  readonly #isContact: (device: DeviceId) => boolean;
  readonly #isRelay: (device: DeviceId) => boolean;
  readonly #isOwnRelay: (device: DeviceId) => boolean;
  readonly #byDevice = new Map<DeviceId, Entry<C>[]>();

  constructor({ self, limits, isContact, isRelay = () => false, isOwnRelay = isRelay }: Options) {
    this.#isRelay = isRelay;
    this.#isOwnRelay = isOwnRelay;
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
    const all = this.#all();
    if (all.length >= limits.connections) return "connections";
    // those that this side dialled are nobody's attack: contacts, and relays on the way to them
    const strangers = all.filter((entry) => entry.connection.direction === "inbound" && !entry.contact).length;
    const forStrangers = limits.connections - limits.connectionsForContacts;
    return strangers >= forStrangers && !this.#isContact(device) ? "connections-of-strangers" : undefined;
  }

  /**
   * Why a connection that a relay announces must be refused: strangers leave contacts some of the streams that a relay
   * may open here.
   *
   * @param underWay  such connections that are not made yet, this one included
   */
  refusalThroughRelay(peerId: string, underWay: number): Refusal | undefined {
    const device = findDevice(peerId);
    if (device === undefined || this.#isContact(device)) return this.refusal(peerId);
    const relayed = this.#all().filter(({ connection, contact }) => !connection.direct && !contact).length;
    return relayed + underWay > this.#limits.relayedStrangers ? "connections-of-strangers" : this.refusal(peerId);
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
   * The connection to use. Of several, both sides choose the same: rather one without a relay; then one that the smaller
   * peer id dialled, and of those the newest, since a device dials again only when the old one is dead for it.
   */
  best(device: DeviceId): C | undefined {
    const open = this.#entries(device).filter((entry) => entry.connection.status === "open" && !entry.distrusted);
    const direct = open.filter(({ connection }) => connection.direct);
    const candidates = direct.length > 0 ? direct : open;
    const preferred = this.#self < device ? "outbound" : "inbound";
    const chosen = candidates.findLast(({ connection }) => connection.direction === preferred) ?? candidates.at(-1);
    return chosen?.connection;
  }

  /** Those to a device that need no relay, distrusted ones too. */
  direct(device: DeviceId): readonly C[] {
    return this.#entries(device)
      .map(({ connection }) => connection)
      .filter(({ direct }) => direct);
  }

  /** Every open connection. */
  all(): readonly C[] {
    return this.#all().map(({ connection }) => connection);
  }

  distrust(device: DeviceId, { id }: C): void {
    for (const entry of this.#entries(device)) if (entry.connection.id === id) entry.distrusted = true;
  }

  trust(device: DeviceId, { id }: C): void {
    for (const entry of this.#entries(device)) if (entry.connection.id === id) delete entry.distrusted;
  }

  counts(): ConnectionCounts {
    const all = this.#all();
    const isRelay = ({ device }: Entry<C>) => this.#isRelay(device);
    const paths = { direct: 0, punched: 0, relay: 0 };
    for (const entry of all) if (!isRelay(entry)) paths[pathOf(entry.connection)] += 1;
    return {
      open: all.length,
      inbound: all.filter(({ connection }) => connection.direction === "inbound").length,
      contacts: all.filter(({ contact }) => contact).length,
      relays: all.filter(isRelay).length,
      paths,
    };
  }

  /**
   * Closes what nobody uses: a doubled connection, by the side that dialled it, which alone knows whether it is about to
   * open a stream there; and any other than a contact's only one after a while. To be called now and then: a connection
   * counts as unused when two calls in a row find it so.
   */
  sweep(nowMs: number): void {
    for (const entry of this.#all()) {
      const isUsed = entry.connection.streams.some(({ protocol }) => protocol === "" || USED_BY.has(protocol));
      if (isUsed) delete entry.unusedSince;
      else if (entry.unusedSince === undefined) entry.unusedSince = nowMs;
      else if (nowMs - entry.unusedSince >= this.#patienceMs(entry)) closeQuietly(entry.connection);
    }
  }

  #patienceMs({ connection, device, contact }: Entry<C>): number {
    const doubled = this.best(device)?.id !== connection.id;
    if (doubled && connection.direction === "outbound") return 0;
    return (contact || this.#isOwnRelay(device)) && !doubled
      ? Number.POSITIVE_INFINITY
      : this.#limits.unusedConnectionMs;
  }

  #all(): readonly Entry<C>[] {
    return [...this.#byDevice.values()].flat();
  }

  #entries(device: DeviceId): readonly Entry<C>[] {
    return this.#byDevice.get(device) ?? [];
  }
}

function closeQuietly(connection: TrackedConnection): void {
  connection.close().catch((error: Error) => connection.abort(error));
}
