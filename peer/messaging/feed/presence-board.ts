import type { DeviceId } from "../../../shared/device-id.ts";
import type { Username } from "../../../shared/username.ts";
import type { PresenceEvent, PresenceFeed } from "../operations/feed.ts";
import type { OnlinePersonView } from "../operations/status.ts";
import type { NamingServer, OnlinePerson, PresenceUpdate } from "../ports/naming-server.ts";
import { Signal } from "../signal.ts";

/** What one server can make this program remember between two lists. */
const MAX_PEOPLE = 50_000;

type Reader = {
  readonly signal: Signal;
  /** Whom to look at anew. */
  readonly stirred: Set<Username>;
  lost: Extract<PresenceUpdate, { type: "lost" }>["error"] | undefined;
};

export type PresenceBoardDeps = {
  readonly naming: Pick<NamingServer, "watchPresence">;
  readonly isContact: (username: Username) => boolean;
};

/** Who is online, watched once for all who want to know, and only while somebody does. */
export class PresenceBoard implements PresenceFeed {
  readonly #deps: PresenceBoardDeps;
  readonly #readers = new Set<Reader>();
  /** Undefined until the first list. */
  #people: Map<Username, ReadonlySet<DeviceId>> | undefined;
  #watching: AbortController | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(deps: PresenceBoardDeps) {
    this.#deps = deps;
  }

  /**
   * First everybody who is online, then each who comes or goes. Who reads slowly misses those that come and go meanwhile,
   * not how it ends.
   */
  async *events(signal: AbortSignal): AsyncIterable<PresenceEvent> {
    const reader: Reader = { signal: new Signal(), stirred: new Set(this.#people?.keys()), lost: undefined };
    const stop = () => reader.signal.raise();
    signal.addEventListener("abort", stop);
    this.#join(reader);
    const told = new Set<Username>();
    let isInitial = true;
    try {
      while (!signal.aborted) {
        reader.signal.lower();
        if (this.#failure !== undefined) throw this.#failure.error;
        const { lost } = reader;
        reader.lost = undefined;
        if (lost !== undefined) yield { type: "lost", code: lost.code, message: lost.message };
        const stirred = [...reader.stirred];
        reader.stirred.clear();
        for (const username of stirred) {
          const event = this.#look(username, told, isInitial);
          if (event !== undefined) yield event;
        }
        isInitial &&= this.#people === undefined;
        await reader.signal.wait();
      }
    } finally {
      signal.removeEventListener("abort", stop);
      this.#leave(reader);
    }
  }

  #look(username: Username, told: Set<Username>, isInitial: boolean): PresenceEvent | undefined {
    const devices = [...(this.#people?.get(username) ?? [])];
    const online = devices.length > 0;
    if (online === told.has(username)) return undefined;
    if (online) told.add(username);
    else told.delete(username);
    const person: OnlinePersonView = { username, devices, contact: this.#deps.isContact(username) };
    return { type: "presence", ...person, online, initial: isInitial };
  }

  #join(reader: Reader): void {
    this.#readers.add(reader);
    if (this.#watching !== undefined) return;
    this.#failure = undefined;
    this.#watching = new AbortController();
    void this.#watch(this.#watching.signal);
  }

  #leave(reader: Reader): void {
    this.#readers.delete(reader);
    if (this.#readers.size === 0) this.#end();
  }

  #end(): void {
    this.#watching?.abort();
    this.#watching = undefined;
    this.#people = undefined;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    try {
      for await (const update of this.#deps.naming.watchPresence(signal)) {
        if (signal.aborted) return;
        this.#take(update);
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#failure = { error };
      this.#end();
      for (const reader of this.#readers) reader.signal.raise();
    }
  }

  #take(update: PresenceUpdate): void {
    const stirred = this.#apply(update);
    for (const reader of this.#readers) {
      reader.lost = update.type === "lost" ? update.error : undefined;
      for (const username of stirred) reader.stirred.add(username);
      reader.signal.raise();
    }
  }

  /** Answers whom it concerns. */
  #apply(update: PresenceUpdate): Iterable<Username> {
    if (update.type === "lost") return [];
    if (update.type === "list") return this.#replace(update.online);
    const people = this.#people;
    if (people === undefined) return [];
    for (const { username, device, online } of update.changes) {
      const devices = new Set(people.get(username));
      if (online) devices.add(device);
      else devices.delete(device);
      if (devices.size === 0) people.delete(username);
      else if (people.has(username) || people.size < MAX_PEOPLE) people.set(username, devices);
    }
    return update.changes.map(({ username }) => username);
  }

  #replace(online: readonly OnlinePerson[]): Iterable<Username> {
    const before = this.#people;
    const listed = online.filter(({ devices }) => devices.length > 0).slice(0, MAX_PEOPLE);
    this.#people = new Map(listed.map(({ username, devices }) => [username, new Set(devices)]));
    return [...(before?.keys() ?? []), ...this.#people.keys()];
  }
}
