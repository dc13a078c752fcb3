import type { DeviceId } from "../../shared/device-id.ts";
import { asChatError, ChatError, isChatError } from "../../shared/errors.ts";
import { assertTyping, encodeTyping } from "../../shared/typing.ts";
import type { Username } from "../../shared/username.ts";
import type { Contact, ContactStore } from "./ports/contacts.ts";
import type { Channel, Transport } from "./ports/transport.ts";
import type { Runtime } from "./runtime.ts";

/** Whoever goes on writing says so this often. */
export const TELL_EVERY_MS = 4000;
/** More of it is not heard. */
const HEAR_EVERY_MS = 2000;
/** Without another word, they have stopped by then. */
export const TYPING_LASTS_MS = 8000;
const STREAM_TIMEOUT_MS = 5000;
/** A program that does not know of this is not asked again for so long. */
const REFUSED_FOR_MS = 10 * 60_000;

export type TypingDeps = {
  readonly contacts: Pick<ContactStore, "findByDevice">;
  readonly runtime: Pick<Runtime, "after" | "monotonic">;
  readonly transport: () => Promise<Pick<Transport, "openTyping">>;
  /** A contact is writing just now; never throws. */
  readonly heard: (from: Username) => void;
};

/**
 * Says that somebody is writing, and hears it, between contacts who both want it. It goes over the connection that is there
 * or not at all, is neither numbered nor kept, and lets nobody wait.
 */
export class Typing {
  readonly #deps: TypingDeps;
  readonly #toldAtMs = new Map<Username, number>();
  readonly #heardAtMs = new Map<Username, number>();
  readonly #refusedAtMs = new Map<DeviceId, number>();
  readonly #stopping = new AbortController();

  constructor(deps: TypingDeps) {
    this.#deps = deps;
  }

  /** To how many of their devices it went. Never throws. */
  async tell(contact: Contact): Promise<number> {
    const { username, devices } = contact;
    if (!isWanted(contact) || !this.#isDue(this.#toldAtMs, username, TELL_EVERY_MS)) return 0;
    const told = await Promise.all(devices.map((device) => this.#tellDevice(device)));
    return told.filter(Boolean).length;
  }

  /** A device opened a channel to say so. Never throws. */
  async serve(channel: Channel): Promise<void> {
    const { contacts, runtime, heard } = this.#deps;
    const late = () => channel.abort(new ChatError("TIMED_OUT", "nothing came"));
    const cancel = runtime.after(STREAM_TIMEOUT_MS, late);
    try {
      assertTyping(await firstFrame(channel));
      const contact = contacts.findByDevice(channel.remote);
      // Whether it is wanted here is nothing that the other side could see.
      if (contact !== undefined && isWanted(contact) && this.#isDue(this.#heardAtMs, contact.username, HEAR_EVERY_MS)) {
        heard(contact.username);
      }
      await channel.close();
    } catch (error) {
      channel.abort(asChatError(error));
    } finally {
      cancel();
    }
  }

  stop(): void {
    this.#stopping.abort();
  }

  async #tellDevice(device: DeviceId): Promise<boolean> {
    const { runtime, transport } = this.#deps;
    if (this.#wasLately(this.#refusedAtMs, device, REFUSED_FOR_MS)) return false;
    const timeout = new AbortController();
    const cancel = runtime.after(STREAM_TIMEOUT_MS, () => timeout.abort());
    const signal = AbortSignal.any([this.#stopping.signal, timeout.signal]);
    try {
      const channel = await (await transport()).openTyping(device, signal);
      if (channel === undefined) return false;
      await channel.send([encodeTyping()], signal);
      await channel.close();
      return true;
    } catch (error) {
      if (isChatError(error) && error.reason === "protocol") this.#refusedAtMs.set(device, runtime.monotonic());
      return false;
    } finally {
      cancel();
    }
  }

  /** Notes it where it is. */
  #isDue<Key>(times: Map<Key, number>, key: Key, everyMs: number): boolean {
    if (this.#stopping.signal.aborted || this.#wasLately(times, key, everyMs)) return false;
    times.set(key, this.#deps.runtime.monotonic());
    return true;
  }

  #wasLately<Key>(times: ReadonlyMap<Key, number>, key: Key, withinMs: number): boolean {
    return this.#deps.runtime.monotonic() - (times.get(key) ?? Number.NEGATIVE_INFINITY) < withinMs;
  }
}

/** Strangers, the blocked, and whoever's key is in doubt neither hear of it nor are heard. */
function isWanted({ typing = false, accepted, blocked, changed }: Contact): boolean {
  return typing && accepted && !blocked && changed === undefined;
}

async function firstFrame(channel: Channel): Promise<Uint8Array> {
  for await (const [frame] of channel.receive()) if (frame !== undefined) return frame;
  throw new ChatError("PEER_UNREACHABLE", "the other side ended without a word");
}
