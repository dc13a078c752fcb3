import { equalBytes } from "../../../shared/bytes.ts";
import type { DeviceId } from "../../../shared/device-id.ts";
import { asChatError, ChatError, isChatError } from "../../../shared/errors.ts";
import { decodeGossip, encodeGossip, encodeLogClaim, type LogClaim, readLogClaim } from "../../../shared/gossip.ts";
import type { Username } from "../../../shared/username.ts";
import type { Contact, ContactStore } from "../ports/contacts.ts";
import type { KeyLog } from "../ports/key-log.ts";
import type { Channel, Transport } from "../ports/transport.ts";
import type { Runtime } from "../runtime.ts";
import type { Self } from "../self.ts";

/** One device asks, and is asked, no more often than this. */
const EXCHANGE_EVERY_MS = 10_000;
const EXCHANGE_TIMEOUT_MS = 10_000;
/** Somebody else's instance of the server may be a moment ahead; what is still hidden then is hidden. */
const LOOK_AGAIN_AFTER_MS = 30_000;
/** How old the own copy may be where a message speaks of a longer log. */
const COPY_MAX_AGE_MS = 60_000;
/** However many messages speak of a longer log, a server that cannot be used is asked no more often than this. */
const ASK_EVERY_MS = 10_000;

export type GossipDeps = {
  readonly self: Pick<Self, "device">;
  readonly contacts: Pick<ContactStore, "findByDevice">;
  readonly log: KeyLog;
  readonly runtime: Pick<Runtime, "after" | "monotonic">;
  readonly transport: () => Promise<Pick<Transport, "openGossip">>;
  /** Told of a log that is not the same for all; never throws. */
  readonly failed: (error: unknown) => void;
};

/**
 * Compares the naming server's log with what contacts were shown: signed checkpoints on every connection, and size and
 * root in every message. A server that shows two people two logs is caught by the first word between them.
 */
export class Gossip {
  readonly #deps: GossipDeps;
  readonly #exchangedAtMs = new Map<DeviceId, number>();
  /** What each device said last that was found to be so. */
  readonly #agreed = new Map<DeviceId, Uint8Array>();
  readonly #stopping = new AbortController();
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #cancelLook: (() => void) | undefined;

  constructor(deps: GossipDeps) {
    this.#deps = deps;
  }

  /** What the next message says of the log. */
  claim(): Uint8Array {
    return encodeLogClaim(this.#deps.log.status());
  }

  /**
   * What a contact's message said of it. A claim proves nothing by itself: where it differs, the contact is asked for what
   * the server has signed.
   */
  claimed(device: DeviceId, bytes: Uint8Array): void {
    const claim = readLogClaim(bytes);
    const agreed = this.#agreed.get(device);
    if (claim === undefined || (agreed !== undefined && equalBytes(agreed, bytes))) return;
    void this.#check(device, bytes, claim).catch((error) => this.#report(error));
  }

  /** What cannot be told yet is looked at again with the next message. */
  async #check(device: DeviceId, bytes: Uint8Array, { size, root }: LogClaim): Promise<void> {
    const { log } = this.#deps;
    if (log.agrees(size, root) === undefined) await this.#catchUp();
    const agrees = log.agrees(size, root);
    if (agrees) this.#agreed.set(device, bytes);
    if (agrees === false) await this.#exchange(device);
  }

  async #catchUp(): Promise<void> {
    const { log, runtime } = this.#deps;
    const nowMs = runtime.monotonic();
    if (nowMs - this.#askedAtMs < ASK_EVERY_MS) return;
    this.#askedAtMs = nowMs;
    await log.sync({ maxAgeMs: COPY_MAX_AGE_MS });
  }

  /** A connection came up: one of the two asks, the one with the smaller id. */
  connected(device: DeviceId): void {
    if (this.#deps.self.device < device) void this.#exchange(device).catch((error) => this.#report(error));
  }

  /** A device opened a channel to compare. Never throws. */
  async serve(channel: Channel): Promise<void> {
    const contact = this.#findContact(channel.remote);
    if (contact === undefined || !this.#mayExchange(channel.remote)) {
      channel.abort(new ChatError("RATE_LIMITED", "nothing to compare now"));
      return;
    }
    try {
      const answer = () => channel.send([encodeGossip(this.#deps.log.notes())]);
      await this.#compare(await firstFrame(channel, answer), contact.username);
    } catch (error) {
      channel.abort(asChatError(error));
      this.#report(error);
    }
  }

  stop(): void {
    this.#stopping.abort();
    this.#cancelLook?.();
  }

  async #exchange(device: DeviceId): Promise<void> {
    const { log, transport } = this.#deps;
    const contact = this.#findContact(device);
    if (contact === undefined || !this.#mayExchange(device)) return;
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(EXCHANGE_TIMEOUT_MS)]);
    const channel = await (await transport()).openGossip(device, signal);
    if (channel === undefined) return;
    const giveUp = () => channel.abort(new ChatError("TIMED_OUT", "no answer"));
    signal.addEventListener("abort", giveUp);
    try {
      await channel.send([encodeGossip(log.notes())], signal);
      await this.#compare(await firstFrame(channel), contact.username);
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  /** Nothing is owed to whoever is blocked. */
  #findContact(device: DeviceId): Contact | undefined {
    const contact = this.#deps.contacts.findByDevice(device);
    return contact?.blocked ? undefined : contact;
  }

  #mayExchange(device: DeviceId): boolean {
    const nowMs = this.#deps.runtime.monotonic();
    if (nowMs - (this.#exchangedAtMs.get(device) ?? Number.NEGATIVE_INFINITY) < EXCHANGE_EVERY_MS) return false;
    this.#exchangedAtMs.set(device, nowMs);
    return !this.#stopping.signal.aborted;
  }

  async #compare(notes: readonly string[], from: Username): Promise<void> {
    for (const note of notes) {
      const outcome = await this.#deps.log.compare(note, from).catch(ignoringStrangers);
      if (outcome === "hidden") this.#lookAgain(note, from);
    }
  }

  /** One at a time: whoever shows such a note again and again does not put off the look at the first. */
  #lookAgain(note: string, from: Username): void {
    if (this.#cancelLook !== undefined || this.#stopping.signal.aborted) return;
    this.#cancelLook = this.#deps.runtime.after(LOOK_AGAIN_AFTER_MS, () => {
      this.#cancelLook = undefined;
      this.#look(note, from).catch((error) => this.#report(error));
    });
  }

  async #look(note: string, from: Username): Promise<void> {
    if ((await this.#deps.log.compare(note, from)) === "agreed") return;
    const message = `the naming server hides from this device what it has shown ${from}`;
    throw new ChatError("LOG_STALE", message, { reason: "hidden" });
  }

  /** A peer or a server that cannot be reached is no news here. */
  #report(error: unknown): void {
    if (isChatError(error, "LOG_INVALID", "LOG_FORKED", "LOG_STALE", "INTERNAL", "STORAGE") || !isChatError(error)) {
      if (!this.#stopping.signal.aborted) this.#deps.failed(error);
    }
  }
}

/** What the log's key has not signed proves nothing, against anybody. */
function ignoringStrangers(error: unknown): undefined {
  if (!isChatError(error, "NOTE_INVALID")) throw error;
}

/** Whoever stops reading closes the channel: what is to be said meanwhile is said by `answer`. */
async function firstFrame(channel: Channel, answer: () => Promise<void> = async () => {}): Promise<readonly string[]> {
  for await (const [frame] of channel.receive()) {
    if (frame === undefined) continue;
    const notes = decodeGossip(frame);
    await answer();
    return notes;
  }
  throw new ChatError("PEER_UNREACHABLE", "the other side ended without a word");
}
