import { equalBytes, hex } from "../../shared/bytes.ts";
import { type DeviceId, publicKeyOfDevice } from "../../shared/device-id.ts";
import { ChatError, type ErrorCode, isChatError } from "../../shared/errors.ts";
import { decodeFrame, encodeFrame, type Frame, type FrameOf } from "../../shared/frames.ts";
import { sha256 } from "../../shared/hash.ts";
import { LIMITS } from "../../shared/protocol.ts";
import { verifyReset } from "../../shared/session-reset.ts";
import type { Core } from "./core.ts";
import type { Channel, NamingServer } from "./ports.ts";
import { Progress } from "./progress.ts";
import type { LiveSession } from "./session-book.ts";
import type { OutboxRow } from "./store.ts";

const ANSWER_TIMEOUT_MS = 15_000;
/** Frames encrypted and written at once: the peer decrypts one chunk while the next is made. */
const CHUNK_MESSAGES = 16;
const HEAL_AFTER_MESSAGES = 50;
const HEAL_AFTER_MS = 60 * 60_000;
const MAX_NEW_SESSIONS = 2;
const MAX_HEALS_IN_VAIN = 3;
const NO_DATA = new Uint8Array();

/** Refusals that no later try can change. */
const PERMANENT: ReadonlySet<ErrorCode> = new Set([
  "QUOTA",
  "CONTACT_BLOCKED",
  "ENVELOPE_INVALID",
  "VERSION_UNSUPPORTED",
]);

export type LaneDeps = Core & { readonly naming: Pick<NamingServer, "claimKeyPackages"> };

/**
 * Sends the outbox of one device over one channel that this side opened: hello, a session, then messages in a window,
 * cleared by that device's acks alone. One caller pumps; answers arrive meanwhile.
 */
export class OutboundLane {
  readonly #deps: LaneDeps;
  readonly #channel: Channel;
  readonly #to: OutboxRow["to"];
  readonly #device: DeviceId;
  readonly #inFlight = new Map<string, OutboxRow>();
  readonly #progress: Progress;
  #inFlightBytes = 0;
  #lastRow = 0;
  /** The session in use, by id. */
  #sessionId: Uint8Array | undefined;
  #wantsHeal = true;
  #resendAsked = false;
  #healsInVain = 0;
  #newSessions = 0;
  #committed: FrameOf<"committed"> | undefined;
  #greeted = false;
  #opened = false;

  constructor(deps: LaneDeps, channel: Channel, to: OutboxRow["to"]) {
    this.#deps = deps;
    this.#channel = channel;
    this.#to = to;
    this.#device = channel.remote;
    this.#progress = new Progress(deps.runtime, ANSWER_TIMEOUT_MS);
    void this.#read();
  }

  get closed(): boolean {
    return this.#progress.failure !== undefined;
  }

  /** Something may be there to send, or the session changed. */
  nudge(): void {
    this.#progress.nudge();
  }

  close(): Promise<void> {
    this.#progress.fail(new ChatError("PEER_UNREACHABLE", "closed"));
    return this.#channel.close();
  }

  abort(error: Error): void {
    this.#progress.fail(error);
    this.#channel.abort(error);
  }

  /**
   * Sends until nothing is queued or in flight.
   *
   * @throws ChatError that says why it stopped; what is queued stays queued
   */
  async pump(): Promise<void> {
    await this.greet();
    for (;;) {
      this.#progress.assertAlive();
      const live = await this.#session();
      if (live.session.pendingCommit !== undefined || this.#mustHeal(live)) await this.#heal();
      else if (!(await this.#sendChunk()) && !(await this.#awaitAnswers())) return;
    }
  }

  /** Exchanges hellos, once. */
  async greet(): Promise<void> {
    if (this.#greeted) return;
    const { self } = this.#deps;
    await this.#channel.send([encodeFrame({ type: "hello", incarnation: self.incarnation, stored: [] })]);
    await this.#progress.until(() => this.#greeted);
  }

  /** The session to send on, opened if there is none. */
  async #session(): Promise<LiveSession> {
    const { book, self } = this.#deps;
    const live = book.forSending(this.#device, self.device) ?? (await this.#openSession());
    const changed = this.#sessionId === undefined || !equalBytes(this.#sessionId, live.session.id);
    if (!changed) return live;
    this.#sessionId = live.session.id;
    this.#opened = live.welcome === undefined;
    if (live.welcome !== undefined) await this.#sendWelcome(live.session.id, live.welcome);
    const unused = live.welcome !== undefined && live.session.epoch === 1 && live.session.sentInEpoch === 0;
    this.#wantsHeal = !unused;
    return live;
  }

  async #openSession(): Promise<LiveSession> {
    const { naming, sessions, book, runtime } = this.#deps;
    this.#newSessions += 1;
    if (this.#newSessions > MAX_NEW_SESSIONS) throw new ChatError("SESSION_INVALID", "the peer accepts no session");
    const claimed = await naming.claimKeyPackages(this.#to);
    const mine = claimed.find(({ device }) => device === this.#device);
    if (mine === undefined) throw new ChatError("NO_KEY_PACKAGE", "the recipient has no key package left for now");
    const { session, welcome } = await sessions.open(this.#device, mine.keyPackage);
    const live = { session, welcome, healedAtMs: runtime.now() };
    await book.locked(this.#device, async () => book.put(this.#device, live));
    return live;
  }

  async #sendWelcome(sessionId: Uint8Array, welcome: Uint8Array): Promise<void> {
    const hint = this.#deps.self.username;
    await this.#channel.send([encodeFrame({ type: "open", sessionId, ...this.#recipient(), hint, welcome })]);
  }

  #recipient() {
    return { recipientDevice: publicKeyOfDevice(this.#device) };
  }

  #mustHeal({ session, healedAtMs }: LiveSession): boolean {
    const old = this.#deps.runtime.now() - healedAtMs > HEAL_AFTER_MS;
    return this.#wantsHeal || this.#resendAsked || session.sentInEpoch >= HEAL_AFTER_MESSAGES || old;
  }

  /** Commits, and waits until the peer has applied it, or until the peer's own commit has won. */
  async #heal(): Promise<void> {
    const { book, sessions, runtime } = this.#deps;
    if (this.#resendAsked) await this.#rewind();
    if (!this.#opened) await this.#progress.until(() => this.#opened || this.#sessionId === undefined);
    const sessionId = this.#sessionId;
    if (sessionId === undefined) return;
    const commit = await this.#update(sessionId, (live) => sessions.beginCommit(live.session));
    if (commit === undefined) return;
    const commitHash = sha256(commit.commit);
    this.#committed = undefined;
    await this.#channel.send([encodeFrame({ type: "commit", sessionId, ...this.#recipient(), commit: commit.commit })]);
    await this.#progress.until(() => this.#sessionId === undefined || this.#answerTo(commitHash) !== undefined);
    if (this.#answerTo(commitHash)?.applied) {
      await this.#update(sessionId, async ({ session }) => {
        if (session.pendingCommit === undefined) return { session };
        return { session: await sessions.confirmCommit(session, commit.commit) };
      });
    } else {
      await this.#progress.until(() => book.find(this.#device, sessionId)?.session.pendingCommit === undefined);
    }
    await this.#update(sessionId, async ({ session }) => ({ session, healedAtMs: runtime.now() }));
    this.#wantsHeal = false;
  }

  #answerTo(commitHash: Uint8Array): FrameOf<"committed"> | undefined {
    const answer = this.#committed;
    return answer !== undefined && equalBytes(answer.commitHash, commitHash) ? answer : undefined;
  }

  /** After a refusal to decrypt: waits for the answers to all that is under way, then begins again at the oldest row. */
  async #rewind(): Promise<void> {
    await this.#progress.until(() => this.#inFlight.size === 0);
    this.#lastRow = 0;
    this.#resendAsked = false;
    this.#wantsHeal = true;
    this.#healsInVain += 1;
    if (this.#healsInVain <= MAX_HEALS_IN_VAIN || this.#sessionId === undefined) return;
    await this.#dropSession(this.#sessionId);
  }

  /** Computes a session's next value, saves and remembers it, all under the device's lock. */
  #update<T extends Partial<LiveSession>>(
    sessionId: Uint8Array,
    next: (live: LiveSession) => Promise<T>,
  ): Promise<T | undefined> {
    const { book } = this.#deps;
    return book.locked(this.#device, async () => {
      const live = book.find(this.#device, sessionId);
      if (live === undefined) return undefined;
      const result = await next(live);
      const { session = live.session, healedAtMs = live.healedAtMs } = result;
      book.put(this.#device, { welcome: live.welcome, session, healedAtMs });
      return result;
    });
  }

  /** Encrypts the next rows, saves the new state, then lets the bytes out; false when nothing may be sent now. */
  async #sendChunk(): Promise<boolean> {
    const { store, sessions } = this.#deps;
    const room = Math.min(CHUNK_MESSAGES, LIMITS.sendWindowMessages - this.#inFlight.size);
    const sessionId = this.#sessionId;
    if (room <= 0 || this.#inFlightBytes >= LIMITS.sendWindowBytes || sessionId === undefined) return false;
    const rows = store.outbox.queued(this.#device, this.#lastRow, room);
    if (rows.length === 0) return false;
    const frames: Uint8Array[] = [];
    const sent = await this.#update(sessionId, async (live) => {
      let session = live.session;
      if (session.pendingCommit !== undefined) return { session };
      for (const row of rows) {
        const encrypted = await sessions.encrypt(session, row.plaintext, NO_DATA);
        session = encrypted.session;
        const { ciphertext } = encrypted;
        frames.push(
          encodeFrame({ type: "message", sessionId, ...this.#recipient(), envelopeId: row.envelopeId, ciphertext }),
        );
      }
      return { session };
    });
    if (sent === undefined || frames.length === 0) return true;
    for (const row of rows) this.#track(row);
    await this.#channel.send(frames);
    return true;
  }

  #track(row: OutboxRow): void {
    this.#inFlight.set(hex(row.envelopeId), row);
    this.#inFlightBytes += row.plaintext.length;
    this.#lastRow = row.id;
  }

  #untrack(envelopeId: Uint8Array): OutboxRow | undefined {
    const key = hex(envelopeId);
    const row = this.#inFlight.get(key);
    if (row === undefined) return undefined;
    this.#inFlight.delete(key);
    this.#inFlightBytes -= row.plaintext.length;
    return row;
  }

  /** False when there is nothing to wait for. */
  async #awaitAnswers(): Promise<boolean> {
    if (this.#inFlight.size === 0) return false;
    await this.#progress.next();
    return true;
  }

  async #read(): Promise<void> {
    try {
      for await (const encoded of this.#channel.receive()) {
        const frames = encoded.map(decodeFrame);
        this.#takeAcks(frames);
        for (const frame of frames) if (frame.type !== "ack") await this.#take(frame);
        this.#progress.made();
      }
      throw new ChatError("PEER_UNREACHABLE", "the peer closed the channel");
    } catch (error) {
      const known = error instanceof ChatError ? error : new ChatError("INTERNAL", "unexpected", { cause: error });
      this.#progress.fail(known);
      this.#channel.abort(known);
    }
  }

  /** Acks of one batch share one transaction. Those that name nothing in flight here say nothing. */
  #takeAcks(frames: readonly Frame[]): void {
    const acked = frames.flatMap((frame) => (frame.type === "ack" ? frame.envelopeIds : []));
    const rows = acked.flatMap((envelopeId) => this.#untrack(envelopeId) ?? []);
    if (rows.length === 0) return;
    const { store, notices } = this.#deps;
    this.#healsInVain = 0;
    this.#newSessions = 0;
    store.transaction(() => {
      for (const { envelopeId } of rows) store.outbox.markStored(this.#device, envelopeId, this.#channel.path);
    });
    notices.outboxChanged(rows.map(({ messageId }) => messageId));
  }

  async #take(frame: Frame): Promise<void> {
    if (frame.type === "hello") return this.#takeHello(frame);
    if (frame.type === "opened") return this.#takeOpened(frame);
    if (frame.type === "committed") this.#committed = frame;
    else if (frame.type === "resend") this.#takeResend(frame);
    else if (frame.type === "reset") await this.#takeReset(frame);
    else if (frame.type === "refuse") await this.#takeRefusal(frame);
    else throw new ChatError("FRAME_INVALID", `a ${frame.type} frame is no answer`, { reason: "type" });
  }

  /** The peer says what it has of this profile: more than was ever sent means that this is an old copy. */
  #takeHello({ stored }: FrameOf<"hello">): void {
    const { self, store, notices } = this.#deps;
    const mine = stored.filter(({ incarnation }) => equalBytes(incarnation, self.incarnation));
    if (mine.some(({ conversation, seq }) => seq > store.numbering.last(conversation))) {
      notices.restored();
      throw new ChatError("PROFILE_UNSAFE", "this profile is an old copy of itself", { reason: "restored" });
    }
    this.#greeted = true;
  }

  async #takeOpened({ sessionId }: FrameOf<"opened">): Promise<void> {
    const { book } = this.#deps;
    await book.locked(this.#device, async () => {
      const live = book.find(this.#device, sessionId);
      if (live?.welcome !== undefined) book.put(this.#device, { ...live, welcome: undefined });
    });
    if (this.#sessionId !== undefined && equalBytes(this.#sessionId, sessionId)) this.#opened = true;
  }

  #takeResend({ envelopeId }: FrameOf<"resend">): void {
    if (this.#untrack(envelopeId) !== undefined) this.#resendAsked = true;
  }

  async #takeReset({ sessionId, signature }: FrameOf<"reset">): Promise<void> {
    verifyReset({ sessionId, from: this.#device, to: this.#deps.self.device }, signature);
    await this.#dropSession(sessionId);
  }

  async #takeRefusal({ subject, code, reason }: FrameOf<"refuse">): Promise<void> {
    const error = new ChatError(code, `the recipient's device refused: ${code}`, reason === null ? {} : { reason });
    const row = subject === null ? undefined : this.#untrack(subject);
    if (row !== undefined) return this.#failRow(row, error);
    const isSession = subject !== null && this.#sessionId !== undefined && equalBytes(subject, this.#sessionId);
    if (!isSession) throw error;
    await this.#dropSession(this.#sessionId ?? NO_DATA);
    if (!isChatError(error, "KEY_PACKAGE_INVALID", "SESSION_INVALID", "SESSION_OUT_OF_ORDER")) throw error;
  }

  #failRow(row: OutboxRow, error: ChatError): void {
    // A device that is not listed yet, or a full disk, may be different next time.
    if (!PERMANENT.has(error.code) || error.reason === "identity") throw error;
    const { store, notices } = this.#deps;
    // Until they answer, whatever else is queued would be refused as well.
    const queued = error.code === "QUOTA" ? store.outbox.queued(this.#device, 0, Number.MAX_SAFE_INTEGER) : [row];
    store.transaction(() => {
      for (const { id } of queued) store.outbox.markFailed(id, error.code, error.reason);
    });
    notices.outboxChanged(queued.map(({ messageId }) => messageId));
  }

  /** Forgets a session for good; what was sent on it and not acked goes out on the next one. */
  async #dropSession(sessionId: Uint8Array): Promise<void> {
    const { book } = this.#deps;
    await book.locked(this.#device, async () => book.close(this.#device, sessionId));
    if (this.#sessionId !== undefined && !equalBytes(this.#sessionId, sessionId)) return;
    this.#sessionId = undefined;
    this.#resendAsked = false;
    this.#healsInVain = 0;
    this.#inFlight.clear();
    this.#inFlightBytes = 0;
    this.#lastRow = 0;
  }
}
