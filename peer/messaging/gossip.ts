import { equalBytes } from "../../shared/bytes.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import { asChatError, ChatError, isChatError } from "../../shared/errors.ts";
import { decodeGossip, encodeGossip, encodeLogClaim, readLogClaim } from "../../shared/gossip.ts";
import type { Username } from "../../shared/username.ts";
import type { Channel, ContactStore, KeyLog, Transport } from "./ports.ts";
import type { Runtime } from "./runtime.ts";
import type { Self } from "./self.ts";

/** One device asks, and is asked, no more often than this. */
const EXCHANGE_EVERY_MS = 10_000;
const EXCHANGE_TIMEOUT_MS = 10_000;
/** Somebody else's instance of the server may be a moment ahead; what is still hidden then is hidden. */
const LOOK_AGAIN_AFTER_MS = 30_000;
/** How old the own copy may be where a message speaks of a longer log. */
const COPY_MAX_AGE_MS = 60_000;

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
  readonly #claims = new Map<DeviceId, Uint8Array>();
  readonly #stopping = new AbortController();
  #stopLooking = () => {};

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
    const before = this.#claims.get(device);
    const claim = readLogClaim(bytes);
    if (claim === undefined || (before !== undefined && equalBytes(before, bytes))) return;
    this.#claims.set(device, bytes);
    void this.#check(device, claim.size, claim.root).catch((error) => this.#report(error));
  }

  async #check(device: DeviceId, size: number, root: Uint8Array): Promise<void> {
    const { log } = this.#deps;
    if (log.agrees(size, root) === undefined) await log.sync({ maxAgeMs: COPY_MAX_AGE_MS });
    if (log.agrees(size, root) === false) await this.#exchange(device);
  }

  /** A connection came up: one of the two asks, the one with the smaller id. */
  connected(device: DeviceId): void {
    if (this.#deps.self.device < device) void this.#exchange(device).catch((error) => this.#report(error));
  }

  /** A device opened a channel to compare. Never throws. */
  async serve(channel: Channel): Promise<void> {
    const { contacts, log } = this.#deps;
    const contact = contacts.findByDevice(channel.remote);
    if (contact === undefined || !this.#mayExchange(channel.remote)) {
      channel.abort(new ChatError("RATE_LIMITED", "nothing to compare now"));
      return;
    }
    try {
      const notes = await firstFrame(channel);
      await channel.send([encodeGossip(log.notes())]);
      await channel.close();
      await this.#compare(notes, contact.username);
    } catch (error) {
      channel.abort(asChatError(error));
      this.#report(error);
    }
  }

  stop(): void {
    this.#stopping.abort();
    this.#stopLooking();
  }

  async #exchange(device: DeviceId): Promise<void> {
    const { contacts, log, transport } = this.#deps;
    const contact = contacts.findByDevice(device);
    if (contact === undefined || !this.#mayExchange(device)) return;
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(EXCHANGE_TIMEOUT_MS)]);
    const channel = await (await transport()).openGossip(device, signal);
    if (channel === undefined) return;
    signal.addEventListener("abort", () => channel.abort(new ChatError("TIMED_OUT", "no answer")), { once: true });
    await channel.send([encodeGossip(log.notes())], signal);
    await this.#compare(await firstFrame(channel), contact.username);
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

  #lookAgain(note: string, from: Username): void {
    const { runtime, log } = this.#deps;
    this.#stopLooking();
    this.#stopLooking = runtime.after(LOOK_AGAIN_AFTER_MS, () => {
      log.compare(note, from).then(
        (outcome) => {
          if (outcome === "agreed" || this.#stopping.signal.aborted) return;
          const message = `the naming server hides from this device what it has shown ${from}`;
          this.#deps.failed(new ChatError("LOG_STALE", message, { reason: "hidden" }));
        },
        (error) => this.#report(error),
      );
    });
  }

  /** A peer or a server that cannot be reached is no news here. */
  #report(error: unknown): void {
    if (isChatError(error, "LOG_INVALID", "LOG_FORKED", "INTERNAL", "STORAGE") || !isChatError(error)) {
      if (!this.#stopping.signal.aborted) this.#deps.failed(error);
    }
  }
}

/** What the log's key has not signed proves nothing, against anybody. */
function ignoringStrangers(error: unknown): undefined {
  if (!isChatError(error, "NOTE_INVALID")) throw error;
}

async function firstFrame(channel: Channel): Promise<readonly string[]> {
  for await (const [frame] of channel.receive()) {
    if (frame !== undefined) return decodeGossip(frame);
  }
  throw new ChatError("PEER_UNREACHABLE", "the other side ended without a word");
}
