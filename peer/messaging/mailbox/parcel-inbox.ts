import type { DeviceId } from "../../../shared/device-id.ts";
import { ChatError, type ErrorCode } from "../../../shared/errors.ts";
import { decodeFrame, type Frame, type FrameBody } from "../../../shared/frames.ts";
import { decodeParcel, type Parcel } from "../../../shared/parcel.ts";
import { FrameAnswerer, leadingMessages } from "../inbound/frame-answerer.ts";
import type { MailboxSecret } from "../store/mailbox.ts";
import type { DueAnswers } from "./due-answers.ts";
import { sealSeed } from "./own-boxes.ts";
import type { ParcelAnswers } from "./parcel-answers.ts";
import type { ParcelSenderDeps } from "./parcel-sender.ts";

/** What may be different next time: the parcel stays where it is until then. */
const TRANSIENT: readonly ErrorCode[] = [
  "SERVER_UNREACHABLE",
  "SERVER_ERROR",
  "SERVER_BUSY",
  "RATE_LIMITED",
  "TIMED_OUT",
  "CLOCK_SKEW",
  "TOKEN_INVALID",
  "STORAGE",
  "INTERRUPTED",
  "INTERNAL",
];

/** `done`: the mailbox may delete it. `early`: it follows on a parcel that has not come. `trouble`: not now. */
export type Taken = "done" | "early" | "trouble";

export type TakeOptions = {
  /** Newest first. */
  readonly secrets: readonly MailboxSecret[];
  /** Nothing more is expected that it could follow on: say so to its sender. */
  readonly final: boolean;
  readonly signal: AbortSignal;
};

/** Takes in parcels, whatever their order and however often they come, and notes what to answer. */
export class ParcelInbox {
  readonly #deps: ParcelSenderDeps;
  readonly #answers: ParcelAnswers;
  readonly #due: Pick<DueAnswers, "add">;

  constructor(deps: ParcelSenderDeps, { answers, due }: { answers: ParcelAnswers; due: Pick<DueAnswers, "add"> }) {
    this.#deps = deps;
    this.#answers = answers;
    this.#due = due;
  }

  /** What is no parcel for this device is done with: nobody else can read it either. */
  async take(bytes: Uint8Array, options: TakeOptions): Promise<Taken> {
    const content = this.#open(bytes, options.secrets);
    if (content === undefined) return "done";
    const answers = await this.#answer(content, options);
    if (answers.some(isTransient)) return "trouble";
    if (!options.final && answers.some(({ type }) => type === "resend" || type === "reset")) return "early";
    const owed = answers.filter(({ type }) => type !== "opened");
    this.#due.add(content.from, owed);
    this.#deps.grants.used(content.from);
    return "done";
  }

  #open(bytes: Uint8Array, secrets: readonly MailboxSecret[]): { from: DeviceId; frames: Frame[] } | undefined {
    const { self, seals } = this.#deps;
    for (const secret of secrets) {
      const parcel = attempt(() => decodeParcel(seals.open(sealSeed(secret), self.device, bytes), self.device));
      if (parcel !== undefined) return attempt(() => ({ from: parcel.from, frames: decodeAll(parcel) }));
    }
    return undefined;
  }

  async #answer(
    { from, frames }: { from: DeviceId; frames: readonly Frame[] },
    { signal }: TakeOptions,
  ): Promise<FrameBody[]> {
    const answerer = new FrameAnswerer(this.#deps, { device: from, path: "mailbox", via: "mailbox", signal });
    const answers: FrameBody[] = [];
    for (let at = 0; at < frames.length; ) {
      const messages = leadingMessages(frames, at);
      const frame = frames[at];
      if (messages.length > 0) answers.push(...(await answerer.messages(messages)));
      else if (frame?.type === "open" || frame?.type === "grant") answers.push(await answerer.one(frame));
      else if (frame !== undefined) await this.#answers.take(from, frame);
      at += Math.max(1, messages.length);
    }
    return answers;
  }
}

/** @throws ChatError FRAME_INVALID for more than one session: each has its writer looked up */
function decodeAll({ frames }: Parcel): Frame[] {
  const decoded = frames.map((frame) => decodeFrame(frame));
  if (decoded.filter(({ type }) => type === "open").length <= 1) return decoded;
  throw new ChatError("FRAME_INVALID", "a parcel opens one session at most", { reason: "open" });
}

function isTransient(answer: FrameBody): boolean {
  return answer.type === "refuse" && TRANSIENT.includes(answer.code);
}

/** Undefined for what a stranger got wrong; anything else is a fault of this program. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof ChatError && error.code !== "INTERNAL") return undefined;
    throw error;
  }
}
