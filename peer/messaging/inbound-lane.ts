import { equalBytes, hex } from "../../shared/bytes.ts";
import { publicKeyOfDevice } from "../../shared/device-id.ts";
import { asChatError, ChatError, isChatError } from "../../shared/errors.ts";
import { decodeFrame, encodeFrame, type Frame, type FrameBody, type FrameOf } from "../../shared/frames.ts";
import { LIMITS } from "../../shared/protocol.ts";
import type { Core } from "./core.ts";
import { acceptSession, applyCommit } from "./inbound-session.ts";
import type { Channel } from "./ports.ts";
import { receiveMessages, refusal } from "./receive-messages.ts";

/** Answers a channel that another device opened, until either side closes it or `signal` fires. Never throws. */
export async function serveChannel(core: Core, channel: Channel, signal: AbortSignal): Promise<void> {
  const lane = new InboundLane(core, channel, signal);
  try {
    for await (const frames of channel.receive()) await lane.take(frames);
    await channel.close();
  } catch (error) {
    channel.abort(asChatError(error));
  }
}

class InboundLane {
  readonly #core: Core;
  readonly #channel: Channel;
  readonly #signal: AbortSignal;
  /** Sessions whose opening was refused here: their messages get the same answer. */
  readonly #refused = new Map<string, ChatError>();
  #refusedInARow = 0;
  #greeted = false;

  constructor(core: Core, channel: Channel, signal: AbortSignal) {
    this.#core = core;
    this.#channel = channel;
    this.#signal = signal;
  }

  async take(encoded: readonly Uint8Array[]): Promise<void> {
    const answers: FrameBody[] = [];
    let failure: unknown;
    try {
      const { frames, unreadable } = decodeLeading(encoded);
      for (let at = 0; at < frames.length; ) {
        const messages = leadingMessages(frames, at);
        answers.push(...(messages.length > 0 ? await this.#messages(messages) : await this.#one(frames[at])));
        at += Math.max(1, messages.length);
        this.#assertPatient();
      }
      if (unreadable !== undefined) throw unreadable;
    } catch (error) {
      answers.push(this.#refuse(null, error));
      failure = error;
    }
    if (answers.length > 0) await this.#channel.send(answers.map(encodeFrame), this.#signal);
    if (failure === undefined) return;
    await this.#channel.close();
    throw failure;
  }

  async #one(frame: Frame | undefined): Promise<FrameBody[]> {
    if (frame?.type === "hello") return [this.#greet()];
    this.#assertGreeted();
    if (frame?.type === "prove") return [this.#prove(frame)];
    if (frame?.type === "open") return [await this.#open(frame)];
    if (frame?.type === "commit") return [await this.#commit(frame)];
    throw new ChatError("FRAME_INVALID", `a frame of type ${frame?.type} has no place here`, { reason: "type" });
  }

  #greet(): FrameBody {
    if (this.#greeted) throw new ChatError("FRAME_INVALID", "hello comes once", { reason: "hello" });
    this.#greeted = true;
    const { self, store } = this.#core;
    const stored = store.inbox.marks(this.#channel.remote, LIMITS.helloMaxMarks);
    return { type: "hello", incarnation: self.incarnation, stored: [...stored] };
  }

  /** That device's own signed word about what it has sent: what it has forgotten, it believes no one else. */
  #prove({ incarnation, conversation }: FrameOf<"prove">): FrameBody {
    const lane = { device: this.#channel.remote, incarnation, conversation };
    return { type: "proof", signed: this.#core.store.inbox.proof(lane) ?? null };
  }

  async #open(frame: FrameOf<"open">): Promise<FrameBody> {
    const key = hex(frame.sessionId);
    try {
      this.#assertRecipient(frame);
      const answer = await acceptSession(this.#core, this.#channel.remote, frame, this.#signal);
      this.#refused.clear();
      this.#refusedInARow = 0;
      return answer;
    } catch (error) {
      this.#refused.set(key, asChatError(error));
      this.#refusedInARow += 1;
      return this.#refuse(frame.sessionId, error);
    }
  }

  async #commit(frame: FrameOf<"commit">): Promise<FrameBody> {
    try {
      this.#assertRecipient(frame);
      return await applyCommit(this.#core, this.#channel.remote, frame);
    } catch (error) {
      return this.#refuse(frame.sessionId, error);
    }
  }

  async #messages(frames: readonly FrameOf<"message">[]): Promise<FrameBody[]> {
    this.#assertGreeted();
    const answers: FrameBody[] = [];
    const sound = frames.filter((frame) => {
      const refused = this.#refused.get(hex(frame.sessionId)) ?? this.#wrongRecipient(frame);
      if (refused !== undefined) answers.push(refusal(frame.envelopeId, refused));
      return refused === undefined;
    });
    if (sound.length > 0) answers.push(...(await receiveMessages(this.#core, this.#channel.remote, sound)));
    return answers;
  }

  /** What is this side's fault is said here too, not only to the peer. */
  #refuse(subject: Uint8Array | null, error: unknown): FrameBody {
    const known = asChatError(error);
    if (isChatError(known, "INTERNAL", "STORAGE", "STORE_CORRUPT")) this.#core.notices.failed(error);
    return refusal(subject, known);
  }

  #assertGreeted(): void {
    if (!this.#greeted) throw new ChatError("FRAME_INVALID", "the first frame must be hello", { reason: "hello" });
  }

  #assertPatient(): void {
    if (this.#refusedInARow < LIMITS.laneMaxRefusedSessions) return;
    throw new ChatError("RATE_LIMITED", "too many sessions were refused on this lane");
  }

  #assertRecipient(frame: { readonly recipientDevice: Uint8Array }): void {
    const wrong = this.#wrongRecipient(frame);
    if (wrong !== undefined) throw wrong;
  }

  #wrongRecipient({ recipientDevice }: { readonly recipientDevice: Uint8Array }): ChatError | undefined {
    if (equalBytes(recipientDevice, publicKeyOfDevice(this.#core.self.device))) return undefined;
    return new ChatError("ENVELOPE_INVALID", "the frame is for another device", { reason: "recipient" });
  }
}

/** The frames before the first that is none, and what is wrong with that one: nothing behind it can be relied on. */
function decodeLeading(encoded: readonly Uint8Array[]): { frames: Frame[]; unreadable?: unknown } {
  const frames: Frame[] = [];
  try {
    for (const bytes of encoded) frames.push(decodeFrame(bytes));
    return { frames };
  } catch (unreadable) {
    return { frames, unreadable };
  }
}

/** The run of message frames that begins there: they share one transaction. */
function leadingMessages(frames: readonly Frame[], from: number): FrameOf<"message">[] {
  const run: FrameOf<"message">[] = [];
  for (let frame = frames[from]; frame?.type === "message"; frame = frames[from + run.length]) run.push(frame);
  return run;
}
