import { asChatError, ChatError } from "../../../shared/errors.ts";
import { decodeFrame, encodeFrame, type Frame, type FrameBody, type FrameOf } from "../../../shared/frames.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import type { Core } from "../core.ts";
import type { Channel } from "../ports/transport.ts";
import { FrameAnswerer, leadingMessages } from "./frame-answerer.ts";

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
  readonly #answerer: FrameAnswerer;
  #greeted = false;

  constructor(core: Core, channel: Channel, signal: AbortSignal) {
    this.#core = core;
    this.#channel = channel;
    this.#signal = signal;
    this.#answerer = new FrameAnswerer(core, { device: channel.remote, path: channel.path, via: "lane", signal });
  }

  async take(encoded: readonly Uint8Array[]): Promise<void> {
    const answers: FrameBody[] = [];
    let failure: unknown;
    try {
      const { frames, unreadable } = decodeLeading(encoded);
      for (let at = 0; at < frames.length; ) {
        const messages = leadingMessages(frames, at);
        if (messages.length > 0) answers.push(...(await this.#messages(messages)));
        else answers.push(await this.#one(frames[at]));
        at += Math.max(1, messages.length);
        this.#answerer.assertPatient();
      }
      if (unreadable !== undefined) throw unreadable;
    } catch (error) {
      answers.push(this.#answerer.refuse(null, error));
      failure = error;
    }
    if (answers.length > 0) await this.#channel.send(answers.map(encodeFrame), this.#signal);
    if (failure === undefined) return;
    await this.#channel.close();
    throw failure;
  }

  async #one(frame: Frame | undefined): Promise<FrameBody> {
    if (frame?.type === "hello") return this.#greet();
    this.#assertGreeted();
    if (frame?.type === "prove") return this.#prove(frame);
    if (frame === undefined) throw new ChatError("INTERNAL", "there is no such frame");
    return this.#answerer.one(frame);
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

  #messages(frames: readonly FrameOf<"message">[]): Promise<FrameBody[]> {
    this.#assertGreeted();
    return this.#answerer.messages(frames);
  }

  #assertGreeted(): void {
    if (!this.#greeted) throw new ChatError("FRAME_INVALID", "the first frame must be hello", { reason: "hello" });
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
