import type { DeviceId } from "../../../shared/device-id.ts";
import { asChatError, ChatError } from "../../../shared/errors.ts";
import type { Username } from "../../../shared/username.ts";
import { backOff, retryAfterMs } from "../back-off.ts";
import type { ParcelSender } from "../mailbox/parcel-sender.ts";
import { isOwnFault } from "../own-fault.ts";
import type { Transport } from "../ports/transport.ts";
import { Signal } from "../signal.ts";
import { OutboundLane } from "./outbound-lane.ts";
import type { SessionDeps } from "./outbound-session.ts";

const CONNECT_TIMEOUT_MS = 15_000;
/** How old an answer of the naming server may be when things go well, and when they do not. */
const RECORD_AGE_MS = 60_000;
const RECORD_AGE_AFTER_FAILURE_MS = 1000;
/** A device that is not reached by then may be away: what waits is left in its mailbox meanwhile. */
const MAILBOX_AFTER_MS = 2000;
/** Between tries for what is added: a flood of messages for somebody who is away is no flood of tries. */
const PAUSE_MS = 1000;

export type SenderDeps = SessionDeps & {
  readonly transport: () => Promise<Transport>;
  /** Leaves what waits for a device in its mailbox. */
  readonly parcels: Pick<ParcelSender, "leave" | "stop">;
  /** That device is no longer in its owner's record. */
  readonly deviceGone: (to: Username, gone: DeviceId) => void;
};

/** Something to do though nothing is queued. */
type Errand = "greet" | "pump";

/** Delivers to one device for as long as the program runs: connects when there is something, backs off when it fails. */
export class PeerSender {
  readonly #deps: SenderDeps;
  readonly to: Username;
  readonly #device: DeviceId;
  readonly #wake = new Signal();
  readonly #stopping = new AbortController();
  readonly #backOff: ReturnType<typeof backOff>;
  readonly #running: Promise<void>;
  #lane: OutboundLane | undefined;
  #failures = 0;
  #failedAtMs = Number.NEGATIVE_INFINITY;
  #cancelPause: (() => void) | undefined;
  #errand: Errand | undefined;
  /** Resolves when the try that is next, or under way, has ended. */
  #attempt = Promise.withResolvers<void>();
  #isTrying = false;
  #connectedMeanwhile = false;
  #mayTryAtOnce = true;

  constructor(deps: SenderDeps, target: { to: Username; device: DeviceId }) {
    this.#deps = deps;
    this.to = target.to;
    this.#device = target.device;
    this.#backOff = backOff(deps.runtime);
    // Not at once: whoever made this sender has more to say.
    this.#running = Promise.resolve().then(() => this.#run());
  }

  /** The device's session changed, or something may be there to send that need not go at once. */
  nudge(): void {
    this.#lane?.nudge();
    if (this.#failures === 0) this.#wake.raise();
  }

  /**
   * Says hello once, even with nothing to send: a device that waits to reach this one learns that it can. Resolves once
   * that was tried, whatever came of it; at once where the last try failed, for the next says hello too.
   */
  greet(): Promise<void> {
    this.#errand ??= "greet";
    this.nudge();
    return this.#failures > 0 ? Promise.resolve() : this.#attempt.promise;
  }

  /** Brings the session up to date, even with nothing to send: the peer is there and waits for this side's commit. */
  finishCommit(): void {
    this.#errand = "pump";
    this.retry();
  }

  /** There is more to send, and whoever added it wants it to go now. */
  deliver(): void {
    const { runtime } = this.#deps;
    const pauseMs = this.#failedAtMs + PAUSE_MS - runtime.monotonic();
    if (pauseMs <= 0) this.retry();
    else this.#cancelPause ??= runtime.after(pauseMs, () => this.retry());
  }

  /** The user wants it now, or the record changed. */
  retry(): void {
    this.#endPause();
    this.#failures = 0;
    this.#backOff.reset();
    this.#lane?.nudge();
    this.#wake.raise();
  }

  /**
   * A connection came up, whoever dialled. The own dial says nothing new; a try under way that fails nevertheless, because
   * it dialled where the device no longer is, is repeated at once over that connection.
   */
  connected(): void {
    if (this.#isTrying) this.#connectedMeanwhile = true;
    else this.retry();
  }

  async stop(): Promise<void> {
    this.#endPause();
    this.#stopping.abort();
    this.#wake.raise();
    await this.#lane?.close();
    await this.#running;
  }

  #endPause(): void {
    this.#cancelPause?.();
    this.#cancelPause = undefined;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        if (this.hasQueued() || this.#errand !== undefined) await this.#try();
        else await this.#idle();
      } catch (error) {
        await this.#recover(error);
      }
    }
    this.#attempt.resolve();
  }

  hasQueued(): boolean {
    return this.#deps.store.outbox.hasQueued(this.#device);
  }

  async #idle(): Promise<void> {
    this.#failures = 0;
    await this.#wake.wait();
  }

  async #try(): Promise<void> {
    const errand = this.hasQueued() ? "pump" : this.#errand;
    this.#errand = undefined;
    this.#wake.lower();
    this.#isTrying = true;
    this.#connectedMeanwhile = false;
    const cancelLeaving = this.#deps.runtime.after(MAILBOX_AFTER_MS, () => void this.#leave());
    try {
      const lane = await this.#openLane();
      cancelLeaving();
      await (errand === "greet" ? lane.greet() : lane.pump());
    } finally {
      cancelLeaving();
      this.#isTrying = false;
      this.#attempt.resolve();
      this.#attempt = Promise.withResolvers();
    }
    this.#succeeded();
  }

  #succeeded(): void {
    this.#failures = 0;
    this.#mayTryAtOnce = true;
    this.#backOff.reset();
  }

  async #openLane(): Promise<OutboundLane> {
    // A key that changed meanwhile is a matter for the resolver, whoever holds the lane.
    if (this.#deps.store.contacts.find(this.to)?.changed !== undefined) await this.#lane?.close();
    if (this.#lane?.closed) this.#lane = undefined;
    this.#lane ??= await this.#connect();
    this.#stopping.signal.throwIfAborted();
    return this.#lane;
  }

  async #connect(): Promise<OutboundLane> {
    const { resolver, transport, deviceGone } = this.#deps;
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)]);
    const maxAgeMs = this.#failures === 0 ? RECORD_AGE_MS : RECORD_AGE_AFTER_FAILURE_MS;
    const { contact } = await resolver.resolve(this.to, { maxAgeMs, signal });
    if (!contact.devices.includes(this.#device)) {
      deviceGone(this.to, this.#device);
      throw new ChatError("PEER_UNREACHABLE", "that device is no longer theirs", { reason: "device" });
    }
    const channel = await (await transport()).connect(this.#device, contact.addresses[this.#device] ?? [], signal);
    this.#failedAtMs = Number.NEGATIVE_INFINITY;
    return new OutboundLane(this.#deps, channel, this.to);
  }

  /** In the background: the device itself is tried again whatever comes of it. */
  async #leave(): Promise<void> {
    const { parcels, notices } = this.#deps;
    try {
      if (this.hasQueued() && !this.#stopping.signal.aborted) await parcels.leave(this.#device);
    } catch (error) {
      if (isOwnFault(error)) notices.failed(error);
    }
  }

  async #recover(error: unknown): Promise<void> {
    const known = asChatError(error);
    const wasConnected = this.#lane !== undefined;
    this.#lane?.abort(known);
    this.#lane = undefined;
    if (this.#stopping.signal.aborted) return;
    if (known.code === "INTERNAL") this.#deps.notices.failed(error);
    this.#failures += 1;
    this.#failedAtMs = this.#deps.runtime.monotonic();
    if (!this.#noteFailure(known)) return;
    void this.#leave();
    if (!wasConnected && this.#connectedMeanwhile && this.#mayTryAtOnce) this.#mayTryAtOnce = false;
    else await this.#backedOff(retryAfterMs(known));
  }

  /** False when nothing waits to be tried again. */
  #noteFailure({ code, reason }: ChatError): boolean {
    const { store, notices } = this.#deps;
    try {
      if (!this.hasQueued()) return false;
      store.mark(() => store.outbox.noteAttempt(this.#device, code, reason));
    } catch (error) {
      notices.failed(error);
    }
    return true;
  }

  async #backedOff(atLeastMs: number): Promise<void> {
    const delayMs = Math.max(this.#backOff.next(), atLeastMs);
    const cancel = this.#deps.runtime.after(delayMs, () => this.#wake.raise());
    await this.#wake.wait();
    cancel();
  }
}
