import { equalBytes } from "../../../shared/bytes.ts";
import { type DeviceId, publicKeyOfDevice } from "../../../shared/device-id.ts";
import { asChatError, ChatError } from "../../../shared/errors.ts";
import { encodeFrame } from "../../../shared/frames.ts";
import { encodeParcel } from "../../../shared/parcel.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { singleFlight } from "../../../shared/single-flight.ts";
import type { Username } from "../../../shared/username.ts";
import type { SessionDeps } from "../outbound/outbound-session.ts";
import type { MailboxNetwork, ParcelSeals } from "../ports/mailboxes.ts";
import type { LiveSession } from "../session-book.ts";
import type { WaitingParcel } from "../store/mailbox.ts";
import type { OutboxRow } from "../store/outbox.ts";
import { DepositRun } from "./deposit-run.ts";
import { findDestination, isDated } from "./destination.ts";
import type { Due } from "./due-answers.ts";
import type { Grants } from "./grants.ts";
import { fitInParcel, inParcels } from "./in-parcels.ts";

/** A mailbox that still holds what was left there is asked whether it does, and may forget, no more often than this. */
const CHECK_EVERY_MS = 10 * 60_000;
/** How old an answer of the naming server may be when a device's mailbox cannot be reached. */
const RECORD_AGE_MS = 60_000;
const DAY_MS = 24 * 60 * 60_000;
/** What nobody has acknowledged is left again after a day, then after twice as long each time, up to this. */
const MAX_PATIENCE_MS = 8 * DAY_MS;
/** Before the third session with a device within a day, then twice as long each time: each costs it a key package. */
const OPEN_PAUSE_MS = 60_000;
const MAX_OPEN_PAUSE_MS = 60 * 60_000;

export type ParcelSenderDeps = SessionDeps & {
  readonly mailboxes: MailboxNetwork;
  readonly seals: ParcelSeals;
  readonly grants: Grants;
};

/**
 * Leaves messages in the mailboxes of devices that are away. Each goes out in a session that its parcels have to
 * themselves, the session's new state on disk before the parcel leaves; rows stay queued until their device's own ack.
 */
export class ParcelSender {
  readonly #deps: ParcelSenderDeps;
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  readonly #checkedAtMs = new Map<DeviceId, number>();
  /** The last session that was opened to each device, and how long before the next. */
  readonly #openings = new Map<DeviceId, { readonly atMs: number; readonly pauseMs: number }>();
  /** The relay where a parcel was left in vain. */
  readonly #avoided = new Map<DeviceId, DeviceId>();

  constructor(deps: ParcelSenderDeps) {
    this.#deps = deps;
  }

  /**
   * Leaves all that waits for that device, where it has a mailbox; nothing else is there to do otherwise.
   *
   * @throws ChatError why not all could be left
   */
  readonly leave = singleFlight((device: DeviceId) => this.#tracked(this.#leave(device)));

  /** Resolves once nothing here touches the store any more. */
  async stop(): Promise<void> {
    this.#stopping.abort(new ChatError("INTERRUPTED", "stopping"));
    await Promise.allSettled(this.#running);
  }

  #tracked<T>(work: Promise<T>): Promise<T> {
    const tracked = work.finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
    return tracked;
  }

  /**
   * Leaves answers to what parcels brought.
   *
   * @throws ChatError why they could not be left
   */
  answer(device: DeviceId, due: Due): Promise<void> {
    return this.#tracked(this.#answer(device, due));
  }

  async #answer(device: DeviceId, due: Due): Promise<void> {
    // Whoever never writes to somebody has not asked for long where they are.
    if (isDated(this.#deps, device)) await this.#lookUp(device);
    try {
      await this.#leaveAnswers(device, due);
    } catch (error) {
      this.#stopping.signal.throwIfAborted();
      if (!(await this.#lookUp(device))) throw error;
      await this.#leaveAnswers(device, due);
    }
  }

  /** What is left is due no more, whatever becomes of the parcel after it. */
  async #leaveAnswers(device: DeviceId, due: Due): Promise<void> {
    const grant = this.#deps.grants.dueTo(device);
    let answers = due.of(device);
    const frames = [...answers.map(({ frame }) => frame), ...(grant === undefined ? [] : [grant])].map(encodeFrame);
    const destination = findDestination(this.#deps, device);
    if (destination === undefined) throw new ChatError("PEER_UNREACHABLE", "that device has no mailbox");
    await using run = this.#run(device);
    for (const some of inParcels(frames)) {
      const parcel = this.#deps.seals.seal(destination.key, device, this.#sign(device, some));
      await run.deposit(destination, parcel);
      due.left(device, answers.slice(0, some.length));
      answers = answers.slice(some.length);
    }
  }

  /** False where nothing about that device could be learnt. */
  async #lookUp(device: DeviceId): Promise<boolean> {
    const { store, resolver } = this.#deps;
    const contact = store.contacts.findByDevice(device);
    if (contact === undefined) return false;
    const options = { maxAgeMs: RECORD_AGE_MS, signal: this.#stopping.signal };
    return resolver.resolve(contact.username, options).then(
      ({ stale }) => !stale,
      () => false,
    );
  }

  /**
   * The device cannot read what was left on that session: all goes out again on another.
   *
   * @returns false when it is no session of parcels for that device
   */
  async restart(device: DeviceId, sessionId: Uint8Array): Promise<boolean> {
    const live = this.#deps.book.forMailbox(device);
    if (live === undefined || !equalBytes(live.session.id, sessionId)) return false;
    await this.#startOver(device);
    return true;
  }

  #run(device: DeviceId): DepositRun {
    return new DepositRun(this.#deps, { device, avoid: this.#avoided.get(device), signal: this.#stopping.signal });
  }

  async #leave(device: DeviceId): Promise<void> {
    const { store } = this.#deps;
    const contact = store.contacts.findByDevice(device);
    if (contact === undefined || contact.changed !== undefined) return;
    if (findDestination(this.#deps, device) === undefined) return;
    await using run = this.#run(device);
    await this.#review(device, run);
    for (;;) {
      this.#stopping.signal.throwIfAborted();
      const waiting = store.mailbox.parcels(device)[0];
      if (waiting !== undefined && !this.#isCurrent(device, waiting)) await this.#startOver(device);
      else if (waiting !== undefined) await this.#depositWaiting(device, run, waiting);
      else if (!(await this.#pack(contact.username, device))) return;
    }
  }

  /** A message that was acknowledged or cancelled meanwhile does not go out any more. */
  #isCurrent(device: DeviceId, { rows }: WaitingParcel): boolean {
    return rows.every(({ envelopeId }) => this.#deps.store.outbox.awaiting(device, envelopeId) !== undefined);
  }

  async #depositWaiting(device: DeviceId, run: DepositRun, waiting: WaitingParcel): Promise<void> {
    const { store, runtime, notices } = this.#deps;
    const { id, rows } = waiting;
    const destination = findDestination(this.#deps, device);
    if (destination === undefined) throw new ChatError("PEER_UNREACHABLE", "that device has no mailbox any more");
    const left = await run.deposit(destination, this.#sealedFor(destination.key, device, waiting));
    store.transaction(() => {
      store.mailbox.removeParcel(id);
      store.outbox.markRelayed(rows, { ...left, atMs: runtime.now() });
    });
    notices.outboxChanged(rows.map(({ messageId }) => messageId));
  }

  /** By the time it can be left, its recipient may have forgotten what it was sealed for. */
  #sealedFor(key: Uint8Array, device: DeviceId, waiting: WaitingParcel): Uint8Array {
    const { store, seals } = this.#deps;
    const { content } = waiting;
    if (content === undefined || equalBytes(waiting.key, key)) return waiting.parcel;
    const parcel = seals.seal(key, device, content);
    // The same bytes leave again from here on, however often.
    store.transaction(() => store.mailbox.replaceParcel(device, { ...waiting, parcel, key }));
    return parcel;
  }

  /** Puts the next messages in a parcel, on disk. False when nothing waits. */
  async #pack(to: Username, device: DeviceId): Promise<boolean> {
    const { store, book } = this.#deps;
    const rows = store.outbox.unrelayed(device, LIMITS.sendWindowMessages);
    const key = findDestination(this.#deps, device)?.key;
    if (rows.length === 0 || key === undefined) return false;
    const { session } = book.forMailbox(device) ?? (await this.#open(to, device));
    await book.locked(device, async () => {
      const live = book.find(device, session.id);
      if (live !== undefined) await this.#packLocked(device, { key, live, rows });
    });
    return true;
  }

  async #packLocked(
    device: DeviceId,
    { key, live, rows }: { key: Uint8Array; live: LiveSession; rows: readonly OutboxRow[] },
  ): Promise<void> {
    const { store, book } = this.#deps;
    const packed = await this.#encrypt(device, live, rows);
    const content = this.#sign(device, packed.frames);
    const parcel = this.#deps.seals.seal(key, device, content);
    // From here on the recipient can open the session by this parcel alone.
    const next: LiveSession = { ...live, session: packed.session, welcome: undefined };
    store.transaction(() => {
      book.save(device, next);
      store.mailbox.addParcel(device, { parcel, content, key, rows: packed.rows });
    });
    book.remember(device, next);
  }

  /** As many messages as fit in one parcel, behind the opening of their session where that is new. */
  async #encrypt(device: DeviceId, { session: first, welcome }: LiveSession, rows: readonly OutboxRow[]) {
    const { self, sessions, gossip } = this.#deps;
    const recipientDevice = publicKeyOfDevice(device);
    const sessionId = first.id;
    const frames: Uint8Array[] = [];
    const packed: WaitingParcel["rows"][number][] = [];
    let session = first;
    if (welcome !== undefined) {
      frames.push(encodeFrame({ type: "open", sessionId, recipientDevice, hint: self.username, welcome }));
    }
    for (const { id, messageId, envelopeId, plaintext } of rows) {
      const encrypted = await sessions.encrypt(session, plaintext, gossip.claim());
      const { ciphertext } = encrypted;
      const frame = encodeFrame({ type: "message", sessionId, recipientDevice, envelopeId, ciphertext });
      if (packed.length > 0 && !fitInParcel([...frames, frame])) break;
      session = encrypted.session;
      frames.push(frame);
      packed.push({ id, messageId, envelopeId });
    }
    return { session, frames, rows: packed };
  }

  async #open(to: Username, device: DeviceId): Promise<LiveSession> {
    const { naming, sessions, book, runtime } = this.#deps;
    const pauseMs = this.#pauseAfterNext(device);
    const claimed = await naming.claimKeyPackages(to, this.#stopping.signal);
    this.#openings.set(device, { atMs: runtime.monotonic(), pauseMs });
    const theirs = claimed.find((one) => one.device === device);
    if (theirs === undefined) throw new ChatError("NO_KEY_PACKAGE", "the recipient has no key package left for now");
    const { session, welcome } = await sessions.open(device, theirs.keyPackage);
    const live: LiveSession = { session, welcome, healedAtMs: runtime.now(), via: "mailbox" };
    await book.locked(device, async () => book.put(device, live));
    return live;
  }

  /**
   * Whoever refuses every session, or keeps it at a relay that says each time that it has lost everything, is not opened
   * one after the other.
   */
  #pauseAfterNext(device: DeviceId): number {
    const last = this.#openings.get(device);
    const sinceMs = this.#deps.runtime.monotonic() - (last?.atMs ?? Number.NEGATIVE_INFINITY);
    if (last === undefined || sinceMs > DAY_MS) return 0;
    if (sinceMs >= last.pauseMs) return Math.min(Math.max(OPEN_PAUSE_MS, 2 * last.pauseMs), MAX_OPEN_PAUSE_MS);
    throw new ChatError("SESSION_INVALID", "too many sessions were opened in vain", { reason: "pause" });
  }

  #sign(device: DeviceId, frames: readonly Uint8Array[]): Uint8Array {
    const { self } = this.#deps;
    return encodeParcel({ from: self.device, frames }, device, self.deviceKey);
  }

  /** Now and then: does the mailbox still have what was left there, and is it of any use? */
  async #review(device: DeviceId, run: DepositRun): Promise<void> {
    const { store, runtime } = this.#deps;
    const [row] = store.outbox.queued(device, 0, 1);
    if (row?.relayed === undefined) return;
    const { acceptedAtMs, relayed: oldest } = row;
    // Elsewhere if there is an elsewhere; ever more rarely, for most likely the device is just away.
    const patienceMs = Math.min(Math.max(DAY_MS, oldest.atMs - acceptedAtMs), MAX_PATIENCE_MS);
    if (Math.abs(runtime.now() - oldest.atMs) > patienceMs) {
      this.#avoided.set(device, oldest.relay);
      run.avoid(oldest.relay);
      return this.#startOver(device);
    }
    const sinceMs = runtime.monotonic() - (this.#checkedAtMs.get(device) ?? Number.NEGATIVE_INFINITY);
    if (sinceMs < CHECK_EVERY_MS) return;
    this.#checkedAtMs.set(device, runtime.monotonic());
    const shown = await run.storeOf(oldest.relay).catch(asChatError);
    if (shown instanceof Uint8Array && !equalBytes(shown, oldest.store)) await this.#startOver(device);
  }

  async #startOver(device: DeviceId): Promise<void> {
    const { book, store } = this.#deps;
    await book.locked(device, async () => {
      const live = book.forMailbox(device);
      if (live !== undefined) book.close(device, [live.session.id]);
      store.transaction(() => {
        store.mailbox.removeParcels(device);
        store.outbox.forgetRelayed(device);
      });
    });
  }
}
