import { hex } from "../../shared/bytes.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import { Mutex } from "./mutex.ts";
import type { SecureSessions, Session } from "./ports.ts";
import type { Store, StoredSession } from "./store.ts";

/** A session in memory beside what is kept of it. */
export type LiveSession = {
  readonly session: Session;
  readonly welcome: Uint8Array | undefined;
  readonly healedAtMs: number;
};

/**
 * The sessions with each device, decoded once. All work on a device's sessions runs under its lock, reads the newest
 * value, computes, saves in a transaction, and only then changes what is in memory.
 */
export class SessionBook {
  readonly #sessions: SecureSessions;
  readonly #store: Store;
  readonly #devices = new Map<DeviceId, { readonly lock: Mutex; live: Map<string, LiveSession> | undefined }>();

  constructor(sessions: SecureSessions, store: Store) {
    this.#sessions = sessions;
    this.#store = store;
  }

  /** Runs with the device's sessions to itself. */
  locked<T>(device: DeviceId, work: () => Promise<T>): Promise<T> {
    return this.#entry(device).lock.run(work);
  }

  find(device: DeviceId, id: Uint8Array): LiveSession | undefined {
    return this.#load(device).get(hex(id));
  }

  /**
   * The one to send on. Where both sides opened one at once, that of the smaller device id.
   *
   * @param self this device
   */
  forSending(device: DeviceId, self: DeviceId): LiveSession | undefined {
    const preferred = self < device;
    const live = [...this.#load(device).values()];
    return live.findLast(({ session }) => session.opener === preferred) ?? live.at(-1);
  }

  /** Writes the row; in a transaction, followed by `remember` once that has succeeded. */
  save(device: DeviceId, { session, welcome, healedAtMs }: LiveSession): void {
    const state = this.#sessions.serialise(session);
    this.#store.sessions.save({ id: session.id, device, opener: session.opener, state, welcome, healedAtMs });
  }

  remember(device: DeviceId, live: LiveSession): void {
    this.#load(device).set(hex(live.session.id), live);
  }

  /** Saves in a transaction of its own. */
  put(device: DeviceId, live: LiveSession): void {
    this.#store.transaction(() => this.save(device, live));
    this.remember(device, live);
  }

  close(device: DeviceId, id: Uint8Array): void {
    this.#store.transaction(() => this.#store.sessions.close(id));
    this.#load(device).delete(hex(id));
  }

  /** What is kept has changed under the hand of another: read it anew. */
  forget(device: DeviceId): void {
    this.#entry(device).live = undefined;
  }

  #entry(device: DeviceId) {
    const known = this.#devices.get(device);
    if (known !== undefined) return known;
    const entry = { lock: new Mutex(), live: undefined };
    this.#devices.set(device, entry);
    return entry as { readonly lock: Mutex; live: Map<string, LiveSession> | undefined };
  }

  #load(device: DeviceId): Map<string, LiveSession> {
    const entry = this.#entry(device);
    entry.live ??= new Map(
      this.#store.sessions.forDevice(device).map((stored) => [hex(stored.id), this.#restore(stored)]),
    );
    return entry.live;
  }

  #restore({ state, welcome, healedAtMs }: StoredSession): LiveSession {
    return { session: this.#sessions.restore(state), welcome, healedAtMs };
  }
}
