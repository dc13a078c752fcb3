import { hex } from "../../shared/bytes.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import { Mutex } from "./mutex.ts";
import type { SecureSessions, Session } from "./ports/sessions.ts";
import type { SessionVia, StoredSession } from "./store/sessions.ts";
import type { Store } from "./store.ts";

/** A session in memory beside what is kept of it. */
export type LiveSession = {
  readonly session: Session;
  readonly welcome: Uint8Array | undefined;
  readonly healedAtMs: number;
  readonly via: SessionVia;
};

type Entry = { readonly lock: Mutex; users: number; live: Map<string, LiveSession> | undefined };

/** Sessions of one kind that one device may have opened here: each costs disk, and it needs one. */
const MAX_OPENED_BY_PEER = 4;

/**
 * The sessions with each device, decoded once. All work on a device's sessions runs under its lock, reads the newest
 * value, computes, saves in a transaction, and only then changes what is in memory.
 */
export class SessionBook {
  readonly #sessions: SecureSessions;
  readonly #store: Store;
  readonly #devices = new Map<DeviceId, Entry>();

  constructor(sessions: SecureSessions, store: Store) {
    this.#sessions = sessions;
    this.#store = store;
  }

  /** Runs with the device's sessions to itself. */
  async locked<T>(device: DeviceId, work: () => Promise<T>): Promise<T> {
    const entry = this.#entry(device);
    entry.users += 1;
    try {
      return await entry.lock.run(work);
    } finally {
      entry.users -= 1;
      // Strangers come and go: nothing is remembered of a device without a session.
      if (entry.users === 0 && !entry.live?.size) this.#devices.delete(device);
    }
  }

  find(device: DeviceId, id: Uint8Array): LiveSession | undefined {
    return this.#load(device).get(hex(id));
  }

  /**
   * The one to send on over a lane. Where both sides opened one at once, that of the smaller device id.
   *
   * @param self this device
   */
  forSending(device: DeviceId, self: DeviceId): LiveSession | undefined {
    const preferred = self < device;
    const live = this.#of(device, "lane");
    return live.findLast(({ session }) => session.opener === preferred) ?? live.at(-1);
  }

  /** The one that this side opened for what it leaves in that device's mailboxes. */
  forMailbox(device: DeviceId): LiveSession | undefined {
    return this.#of(device, "mailbox").findLast(({ session }) => session.opener);
  }

  /** Writes the row; in a transaction, followed by `remember` once that has succeeded. */
  save(device: DeviceId, { session, welcome, healedAtMs, via }: LiveSession): void {
    const state = this.#sessions.serialise(session);
    this.#store.sessions.save({ id: session.id, device, opener: session.opener, state, welcome, healedAtMs, via });
  }

  remember(device: DeviceId, live: LiveSession): void {
    this.#load(device).set(hex(live.session.id), live);
  }

  /** Saves in a transaction of its own. */
  put(device: DeviceId, live: LiveSession): void {
    this.#store.transaction(() => this.save(device, live));
    this.remember(device, live);
  }

  /** Computes a session's next value under the lock and puts it; undefined when there is no such session or value. */
  update<T>(
    device: DeviceId,
    id: Uint8Array,
    next: (live: LiveSession) => Promise<{ readonly live: LiveSession; readonly result: T } | undefined>,
  ): Promise<T | undefined> {
    return this.locked(device, async () => {
      const live = this.find(device, id);
      const computed = live && (await next(live));
      if (computed === undefined) return undefined;
      this.put(device, computed.live);
      return computed.result;
    });
  }

  /** Ends a session for good; another device's session is none of its business. */
  close(device: DeviceId, ids: readonly Uint8Array[]): void {
    const known = ids.filter((id) => this.find(device, id) !== undefined);
    if (known.length === 0) return;
    this.#store.transaction(() => {
      for (const id of known) this.#store.sessions.close(id);
    });
    for (const id of known) this.#load(device).delete(hex(id));
  }

  closeAll(device: DeviceId): void {
    this.close(
      device,
      [...this.#load(device).values()].map(({ session }) => session.id),
    );
  }

  /** The oldest that the device opened, beyond what it may have. */
  surplus(device: DeviceId, via: SessionVia): readonly Uint8Array[] {
    const opened = this.#of(device, via).filter(({ session }) => !session.opener);
    return opened.slice(0, Math.max(0, opened.length - MAX_OPENED_BY_PEER)).map(({ session }) => session.id);
  }

  /** What is kept has changed under the hand of another: read it anew. */
  async forget(device: DeviceId): Promise<void> {
    await this.locked(device, async () => {
      this.#entry(device).live = undefined;
    });
  }

  #entry(device: DeviceId): Entry {
    const known = this.#devices.get(device);
    if (known !== undefined) return known;
    const entry: Entry = { lock: new Mutex(), users: 0, live: undefined };
    this.#devices.set(device, entry);
    return entry;
  }

  #load(device: DeviceId): Map<string, LiveSession> {
    const entry = this.#entry(device);
    entry.live ??= new Map(
      this.#store.sessions.forDevice(device).map((stored) => [hex(stored.id), this.#restore(stored)]),
    );
    return entry.live;
  }

  #of(device: DeviceId, via: SessionVia): LiveSession[] {
    return [...this.#load(device).values()].filter((live) => live.via === via);
  }

  #restore({ state, welcome, healedAtMs, via }: StoredSession): LiveSession {
    return { session: this.#sessions.restore(state), welcome, healedAtMs, via };
  }
}
