import { equalBytes, hex } from "../../../shared/bytes.ts";
import { publicKeyOfDevice } from "../../../shared/device-id.ts";
import { asChatError, ChatError } from "../../../shared/errors.ts";
import type { Frame, FrameBody, FrameOf } from "../../../shared/frames.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import type { Core } from "../core.ts";
import { isOwnFault } from "../own-fault.ts";
import type { SessionVia } from "../store/sessions.ts";
import { acceptSession, applyCommit } from "./inbound-session.ts";
import { type Arrival, receiveMessages, refusal } from "./receive-messages.ts";

export type Source = Arrival & { readonly via: SessionVia; readonly signal: AbortSignal };

/** Answers what another device sends over one lane, or in one parcel. */
export class FrameAnswerer {
  readonly #core: Core;
  readonly #source: Source;
  /** Sessions whose opening was refused here: their messages get the same answer. */
  readonly #refused = new Map<string, ChatError>();
  #refusedInARow = 0;

  constructor(core: Core, source: Source) {
    this.#core = core;
    this.#source = source;
  }

  /** @throws ChatError FRAME_INVALID (reason `type`) */
  async one(frame: Frame): Promise<FrameBody> {
    if (frame.type === "open") return this.#open(frame);
    if (frame.type === "commit") return this.#commit(frame);
    if (frame.type === "grant") return this.#grant(frame);
    throw new ChatError("FRAME_INVALID", `a frame of type ${frame.type} has no place here`, { reason: "type" });
  }

  /** A run of messages shares one transaction. */
  async messages(frames: readonly FrameOf<"message">[]): Promise<FrameBody[]> {
    const answers: FrameBody[] = [];
    const sound = frames.filter((frame) => {
      const refused = this.#refused.get(hex(frame.sessionId)) ?? this.#wrongRecipient(frame);
      if (refused !== undefined) answers.push(refusal(frame.envelopeId, refused));
      return refused === undefined;
    });
    if (sound.length > 0) answers.push(...(await receiveMessages(this.#core, this.#source, sound)));
    return answers;
  }

  /** @throws ChatError RATE_LIMITED once too many sessions were refused in a row */
  assertPatient(): void {
    if (this.#refusedInARow < LIMITS.laneMaxRefusedSessions) return;
    throw new ChatError("RATE_LIMITED", "too many sessions were refused on this lane");
  }

  /** What is this side's fault is said here too, not only to the peer. */
  refuse(subject: Uint8Array | null, error: unknown): FrameBody {
    if (isOwnFault(error)) this.#core.notices.failed(error);
    return refusal(subject, error);
  }

  async #open(frame: FrameOf<"open">): Promise<FrameBody> {
    const key = hex(frame.sessionId);
    try {
      this.#assertRecipient(frame);
      const answer = await acceptSession(this.#core, this.#source.device, frame, this.#source);
      this.#refused.clear();
      this.#refusedInARow = 0;
      return answer;
    } catch (error) {
      this.#refused.set(key, asChatError(error));
      this.#refusedInARow += 1;
      return this.refuse(frame.sessionId, error);
    }
  }

  async #commit(frame: FrameOf<"commit">): Promise<FrameBody> {
    try {
      this.#assertRecipient(frame);
      return await applyCommit(this.#core, this.#source.device, frame);
    } catch (error) {
      return this.refuse(frame.sessionId, error);
    }
  }

  /** Of contacts only: whoever else sends one would have this device remember it. */
  #grant({ seq, key, boxes }: FrameOf<"grant">): FrameBody {
    const { store, runtime } = this.#core;
    const { device } = this.#source;
    if (store.contacts.findByDevice(device) === undefined) {
      return refusal(
        null,
        new ChatError("ENVELOPE_INVALID", "nobody's record lists that device", { reason: "identity" }),
      );
    }
    const known = store.mailbox.grantOf(device);
    if (known === undefined || known.seq < seq) {
      const grant = { seq, key, boxes, receivedAtMs: runtime.now() };
      store.transaction(() => store.mailbox.saveGrant(device, grant));
    }
    return { type: "granted", seq };
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

/** The run of message frames that begins there. */
export function leadingMessages(frames: readonly Frame[], from: number): FrameOf<"message">[] {
  const run: FrameOf<"message">[] = [];
  for (let frame = frames[from]; frame?.type === "message"; frame = frames[from + run.length]) run.push(frame);
  return run;
}
