import { equalBytes, hex } from "../../shared/bytes.ts";
import { publicKeyOfDevice } from "../../shared/device-id.ts";
import { ChatError, isChatError } from "../../shared/errors.ts";
import { decodeFrame, encodeFrame, type Frame, type FrameBody, type FrameOf } from "../../shared/frames.ts";
import { sha256 } from "../../shared/hash.ts";
import { signReset } from "../../shared/session-reset.ts";
import type { Core } from "./core.ts";
import type { Channel } from "./ports.ts";
import { receiveMessages, refusal } from "./receive-messages.ts";

const MAX_STORED_MARKS = 16;

/** Answers a channel that another device opened, until either side closes it. Never throws. */
export async function serveChannel(core: Core, channel: Channel): Promise<void> {
  const lane = new InboundLane(core, channel);
  try {
    for await (const frames of channel.receive()) await lane.take(frames);
    await channel.close();
  } catch (error) {
    channel.abort(error instanceof Error ? error : new Error("refused"));
  }
}

class InboundLane {
  readonly #core: Core;
  readonly #channel: Channel;
  /** Sessions whose opening was refused here: their messages get the same answer. */
  readonly #refused = new Map<string, ChatError>();
  #greeted = false;

  constructor(core: Core, channel: Channel) {
    this.#core = core;
    this.#channel = channel;
  }

  async take(encoded: readonly Uint8Array[]): Promise<void> {
    const answers: FrameBody[] = [];
    let failure: unknown;
    try {
      const frames = encoded.map(decodeFrame);
      for (let at = 0; at < frames.length; ) {
        const messages = leadingMessages(frames, at);
        answers.push(...(messages.length > 0 ? await this.#messages(messages) : await this.#one(frames[at])));
        at += Math.max(1, messages.length);
      }
    } catch (error) {
      answers.push(refusal(null, error));
      failure = error;
    }
    if (answers.length > 0) await this.#channel.send(answers.map(encodeFrame));
    if (failure === undefined) return;
    await this.#channel.close();
    throw failure;
  }

  async #one(frame: Frame | undefined): Promise<FrameBody[]> {
    if (frame?.type === "hello") return [this.#greet()];
    this.#assertGreeted();
    if (frame?.type === "open") return [await this.#open(frame).catch((error) => this.#refuseSession(frame, error))];
    if (frame?.type === "commit") return [await this.#commit(frame).catch((error) => refusal(frame.sessionId, error))];
    throw new ChatError("FRAME_INVALID", `a frame of type ${frame?.type} has no place here`, { reason: "type" });
  }

  #greet(): FrameBody {
    this.#greeted = true;
    const { self, store } = this.#core;
    const stored = store.inbox.marks(this.#channel.remote, MAX_STORED_MARKS);
    return { type: "hello", incarnation: self.incarnation, stored: [...stored] };
  }

  async #open(frame: FrameOf<"open">): Promise<FrameBody> {
    this.#assertRecipient(frame);
    const { book, store, sessions, resolver, notices } = this.#core;
    const device = this.#channel.remote;
    const contact = await resolver.resolveDevice(device, frame.hint);
    if (contact.blocked) throw new ChatError("CONTACT_BLOCKED", "blocked");
    await book.locked(device, async () => {
      if (book.find(device, frame.sessionId) !== undefined) return;
      if (store.sessions.isKnown(frame.sessionId)) {
        throw new ChatError("SESSION_INVALID", "that session is over", { reason: "replayed" });
      }
      const references = sessions.welcomeReferences(frame.welcome);
      const key = references.flatMap((reference) => store.keyPackages.find(reference) ?? [])[0];
      if (key === undefined) throw new ChatError("KEY_PACKAGE_INVALID", "that key package is used up or not ours");
      const session = await sessions.join(device, frame.welcome, key);
      if (!equalBytes(session.id, frame.sessionId))
        throw new ChatError("SESSION_INVALID", "named otherwise", { reason: "id" });
      const live = { session, welcome: undefined, healedAtMs: this.#core.runtime.now() };
      store.transaction(() => {
        if (!key.lastResort) store.keyPackages.delete(key.reference);
        book.save(device, live);
      });
      book.remember(device, live);
      if (!key.lastResort) notices.keyPackageUsed();
    });
    return { type: "opened", sessionId: frame.sessionId };
  }

  #refuseSession({ sessionId }: FrameOf<"open">, error: unknown): FrameBody {
    const known = error instanceof ChatError ? error : new ChatError("INTERNAL", "unexpected", { cause: error });
    this.#refused.set(hex(sessionId), known);
    if (isChatError(known, "INTERNAL", "STORAGE", "STORE_CORRUPT")) this.#core.notices.failed(error);
    return refusal(sessionId, known);
  }

  async #commit(frame: FrameOf<"commit">): Promise<FrameBody> {
    this.#assertRecipient(frame);
    const { book, sessions, runtime, notices } = this.#core;
    const { sessionId } = frame;
    const device = this.#channel.remote;
    return book.locked(device, async () => {
      const live = book.find(device, sessionId);
      if (live === undefined) return this.#reset(sessionId);
      const { session, outcome } = await sessions.receiveCommit(live.session, frame.commit);
      if (outcome === "applied") {
        book.put(device, { ...live, session, healedAtMs: runtime.now() });
        notices.sessionChanged(device);
      }
      return { type: "committed", sessionId, commitHash: sha256(frame.commit), applied: outcome !== "refused" };
    });
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

  #reset(sessionId: Uint8Array): FrameBody {
    const { self } = this.#core;
    const signature = signReset({ sessionId, from: self.device, to: this.#channel.remote }, self.deviceKey);
    return { type: "reset", sessionId, signature };
  }

  #assertGreeted(): void {
    if (!this.#greeted) throw new ChatError("FRAME_INVALID", "the first frame must be hello", { reason: "hello" });
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

/** The run of message frames that begins there: they share one transaction. */
function leadingMessages(frames: readonly Frame[], from: number): FrameOf<"message">[] {
  const run: FrameOf<"message">[] = [];
  for (const frame of frames.slice(from)) {
    if (frame.type !== "message") break;
    run.push(frame);
  }
  return run;
}
