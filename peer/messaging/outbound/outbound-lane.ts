import { equalBytes } from "../../../shared/bytes.ts";
import { directConversation } from "../../../shared/conversation.ts";
import type { DeviceId } from "../../../shared/device-id.ts";
import { asChatError, ChatError } from "../../../shared/errors.ts";
import { decodeFrame, encodeFrame, type Frame, type FrameOf } from "../../../shared/frames.ts";
import type { Channel } from "../ports/transport.ts";
import type { OutboxRow } from "../store/outbox.ts";
import { type Claim, oldCopy, provesOldCopy } from "./old-copy.ts";
import { OutboundSession, type SessionDeps } from "./outbound-session.ts";
import { Progress } from "./progress.ts";
import { refusesMessage, refusesSender, refusesSession } from "./refusals.ts";
import { SendWindow } from "./send-window.ts";

const ANSWER_TIMEOUT_MS = 15_000;

/**
 * Sends the outbox of one device over one channel that this side opened: hello, a session, then messages in a window,
 * cleared by that device's acks alone. One caller pumps; answers arrive meanwhile.
 */
export class OutboundLane {
  readonly #deps: SessionDeps;
  readonly #channel: Channel;
  readonly #to: OutboxRow["to"];
  readonly #device: DeviceId;
  readonly #progress: Progress;
  readonly #window: SendWindow;
  readonly #session: OutboundSession;
  readonly #ended = new AbortController();
  #greeted = false;
  #resendAsked = false;
  /** What the peer claims this profile has forgotten: nothing is sent before that is settled. */
  #claim: Claim | undefined;
  #proof: FrameOf<"proof"> | undefined;
  /** The session that the messages in flight were encrypted under. */
  #sentOn: Uint8Array | null = null;

  constructor(deps: SessionDeps, channel: Channel, to: OutboxRow["to"]) {
    this.#deps = deps;
    this.#channel = channel;
    this.#to = to;
    this.#device = channel.remote;
    this.#progress = new Progress(deps.runtime, ANSWER_TIMEOUT_MS);
    this.#window = new SendWindow(deps.store.outbox, this.#device);
    this.#session = new OutboundSession(deps, {
      to,
      device: this.#device,
      progress: this.#progress,
      signal: this.#ended.signal,
      send: (frames) => this.#send(frames),
    });
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
    this.#end(new ChatError("PEER_UNREACHABLE", "closed"));
    return this.#channel.close();
  }

  abort(error: Error): void {
    this.#end(error);
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
      if (this.#claim !== undefined) await this.#settle(this.#claim);
      if (this.#resendAsked) await this.#rewind();
      const room = await this.#session.ready();
      // A commit meanwhile may not let messages past those that were not understood.
      if (this.#resendAsked || (await this.#sendChunk(room))) continue;
      if (this.#window.isEmpty) return;
      await this.#progress.next();
    }
  }

  /** Exchanges hellos, once. */
  async greet(): Promise<void> {
    if (this.#greeted) return;
    const { incarnation } = this.#deps.self;
    await this.#send([encodeFrame({ type: "hello", incarnation, stored: [] })]);
    await this.#progress.until(() => this.#greeted);
    await this.#grant();
  }

  /** Tells the device how to leave parcels for this one, where it does not know. */
  async #grant(): Promise<void> {
    const grant = this.#deps.grants.dueTo(this.#device);
    if (grant !== undefined) await this.#send([encodeFrame(grant)]);
  }

  /** Asks the peer for proof of what it claims; without it, the claim costs the one message that it was about. */
  async #settle(claim: Claim): Promise<void> {
    const { self, notices } = this.#deps;
    const conversation = directConversation(self.username, this.#to);
    const answer = () => this.#proof;
    this.#proof = undefined;
    await this.#send([encodeFrame({ type: "prove", incarnation: self.incarnation, conversation })]);
    await this.#progress.until(() => answer() !== undefined);
    if (provesOldCopy(this.#deps, claim, answer()?.signed ?? null)) {
      notices.restored();
      throw oldCopy();
    }
    this.#claim = undefined;
    if (claim.row !== undefined)
      this.#fail([claim.row], new ChatError("ENVELOPE_INVALID", "refused", { reason: "seq" }));
  }

  /** False when there is nothing that may go now. */
  async #sendChunk(room: number): Promise<boolean> {
    // Nothing overtakes what is in flight on a session that may have been lost.
    if (!this.#window.isEmpty && !this.#session.isCurrent(this.#sentOn)) return false;
    const rows = this.#window.next(room);
    if (rows.length === 0) return false;
    const encrypted = await this.#session.encrypt(rows);
    // The session may have been lost meanwhile, and with it what was encrypted under it.
    if (encrypted === undefined || !this.#session.isCurrent(encrypted.sessionId)) return true;
    if (this.#window.isEmpty) this.#progress.expect();
    this.#sentOn = encrypted.sessionId;
    for (const row of rows) this.#window.add(row);
    await this.#send(encrypted.frames);
    return true;
  }

  /** After a refusal to decrypt: waits for the answers to all that is under way, then begins again at the oldest row. */
  async #rewind(): Promise<void> {
    await this.#progress.until(() => this.#window.isEmpty);
    this.#resendAsked = false;
    this.#window.restart();
    await this.#session.outOfOrder();
  }

  async #send(frames: readonly Uint8Array[]): Promise<void> {
    try {
      await this.#channel.send(frames, this.#ended.signal);
    } catch (error) {
      // Why the lane ended says more than that it did.
      this.#progress.assertAlive();
      throw error;
    }
  }

  #end(error: Error): void {
    this.#progress.fail(error);
    this.#ended.abort();
  }

  async #read(): Promise<void> {
    try {
      for await (const encoded of this.#channel.receive()) {
        const frames = encoded.map(decodeFrame);
        this.#takeAcks(frames);
        for (const frame of frames) if (frame.type !== "ack") await this.#take(frame);
      }
      throw new ChatError("PEER_UNREACHABLE", "the peer closed the channel");
    } catch (error) {
      this.abort(asChatError(error));
    }
  }

  /**
   * Those that name nothing in flight here say nothing. A mark will do: whatever a power failure takes of it is sent
   * again and acknowledged again.
   */
  #takeAcks(frames: readonly Frame[]): void {
    const acked = frames.flatMap((frame) => (frame.type === "ack" ? frame.envelopeIds : []));
    const rows = acked.flatMap((envelopeId) => this.#window.take(envelopeId) ?? []);
    if (rows.length === 0) return;
    const { store, notices } = this.#deps;
    store.mark(() => {
      for (const { envelopeId } of rows) store.outbox.markStored(this.#device, envelopeId, this.#channel.path);
    });
    this.#session.acknowledged();
    this.#progress.made();
    notices.outboxChanged(rows.map(({ messageId }) => messageId));
  }

  async #take(frame: Frame): Promise<void> {
    if (frame.type === "hello") this.#takeHello(frame);
    else if (frame.type === "opened") await this.#session.takeOpened(frame);
    else if (frame.type === "committed") this.#session.takeCommitted(frame);
    else if (frame.type === "resend") this.#takeResend(frame);
    else if (frame.type === "proof") this.#proof = frame;
    else if (frame.type === "granted") this.#deps.grants.granted(this.#device, frame.seq);
    else if (frame.type === "reset") await this.#restartAfter(frame.sessionId, () => this.#session.takeReset(frame));
    else if (frame.type === "refuse") await this.#takeRefusal(frame);
    else throw new ChatError("FRAME_INVALID", `a ${frame.type} frame is no answer`, { reason: "type" });
    this.#progress.made();
  }

  /** The peer says what it has of this profile: more than it remembers sending, and it may be an old copy. */
  #takeHello({ stored }: FrameOf<"hello">): void {
    const { self, store } = this.#deps;
    const conversation = directConversation(self.username, this.#to);
    const mine = stored.find(
      (mark) => equalBytes(mark.incarnation, self.incarnation) && equalBytes(mark.conversation, conversation),
    );
    const isMore = mine !== undefined && mine.seq > store.numbering.last(conversation);
    if (isMore) this.#claim = { to: this.#to, row: undefined };
    this.#greeted = true;
  }

  #takeResend({ envelopeId }: FrameOf<"resend">): void {
    if (this.#window.take(envelopeId) !== undefined) this.#resendAsked = true;
  }

  /** What was in flight on a session that is dropped goes out again on the next one. */
  async #restartAfter(sessionId: Uint8Array, drop: () => Promise<void>): Promise<void> {
    const wasCurrent = this.#session.isCurrent(sessionId);
    await drop();
    if (!wasCurrent) return;
    this.#window.restart();
    this.#resendAsked = false;
  }

  async #takeRefusal({ subject, code, reason }: FrameOf<"refuse">): Promise<void> {
    const error = new ChatError(code, `the recipient's device refused: ${code}`, reason === null ? {} : { reason });
    if (subject === null) throw error;
    const row = this.#window.take(subject);
    if (row !== undefined) this.#messageRefused(row, error);
    else if (this.#session.isCurrent(subject)) await this.#sessionRefused(subject, error);
    // Anything else went out on a session that was dropped since.
  }

  #messageRefused(row: OutboxRow, error: ChatError): void {
    const { code, reason } = error;
    // Another message of this profile stands under that number.
    if (code === "ENVELOPE_INVALID" && reason === "seq") this.#claim ??= { to: this.#to, row };
    else if (refusesSender(error)) this.#failAll(error);
    else if (refusesMessage(error)) this.#fail([row], error);
    else throw error;
  }

  async #sessionRefused(sessionId: Uint8Array, error: ChatError): Promise<void> {
    if (refusesSender(error)) this.#failAll(error);
    if (!refusesSession(error)) throw error;
    await this.#restartAfter(sessionId, () => this.#session.drop(sessionId));
  }

  /** Whatever else is queued would be refused as well. */
  #failAll(error: ChatError): void {
    this.#fail(this.#deps.store.outbox.queued(this.#device, 0, Number.MAX_SAFE_INTEGER), error);
  }

  #fail(rows: readonly OutboxRow[], error: ChatError): void {
    const { store, notices } = this.#deps;
    store.transaction(() => {
      for (const { id } of rows) store.outbox.markFailed(id, error.code, error.reason);
    });
    notices.outboxChanged(rows.map(({ messageId }) => messageId));
  }
}
