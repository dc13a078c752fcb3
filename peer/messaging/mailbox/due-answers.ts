import type { DeviceId } from "../../../shared/device-id.ts";
import { decodeFrame, encodeFrame, type FrameBody } from "../../../shared/frames.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import type { Contact } from "../ports/contacts.ts";
import type { Runtime } from "../runtime.ts";
import type { Store } from "../store.ts";

/** By then whoever waits for the answer has given up. */
const LIFETIME_MS = 30 * 24 * 60 * 60_000;
/** Before the next try for a device whose relays do not work; twice as long each time. */
const PAUSE_MS = 5 * 60_000;
const MAX_PAUSE_MS = 60 * 60_000;
/** For one device: somebody who sends nonsense without end does not fill the disk. */
const MAX_DUE = 4096;

/** A frame that is to be left for a device, and the rows that it answers for. */
export type Answer = { readonly frame: FrameBody; readonly ids: readonly number[] };

/** What whoever leaves answers needs of them. */
export type Due = Pick<DueAnswers, "of" | "left">;

/**
 * Answers to parcels, on disk until they are left: a mailbox deletes a parcel once it is read, and whoever wrote it would
 * hear of that only by writing again.
 */
export class DueAnswers {
  readonly #store: Store;
  readonly #runtime: Pick<Runtime, "now" | "monotonic">;
  readonly #paused = new Map<DeviceId, { readonly untilMs: number; readonly pauseMs: number }>();

  constructor({ store, runtime }: { store: Store; runtime: Pick<Runtime, "now" | "monotonic"> }) {
    this.#store = store;
    this.#runtime = runtime;
  }

  /** On disk when this returns. */
  add(device: DeviceId, answers: readonly FrameBody[]): void {
    const { contacts, mailbox, transaction } = this.#store;
    const frames = answers.flatMap((answer) => keepable(answer, contacts.findByDevice(device))).map(encodeFrame);
    if (frames.length === 0) return;
    const room = MAX_DUE - mailbox.countAnswers(device);
    transaction(() => mailbox.addAnswers(device, frames.slice(0, Math.max(0, room)), this.#runtime.now()));
  }

  /**
   * Somebody who is to be answered now and is not being answered already. Not people this profile has never written to:
   * they choose the relay, and would learn from where it is called.
   */
  next(answering: ReadonlyMap<DeviceId, unknown>): DeviceId | undefined {
    this.#forgetOld();
    return this.#store.mailbox.answering().find((device) => {
      const contact = this.#store.contacts.findByDevice(device);
      const isPaused = (this.#paused.get(device)?.untilMs ?? 0) > this.#runtime.monotonic();
      return contact?.accepted === true && !contact.blocked && !isPaused && !answering.has(device);
    });
  }

  /** As few frames as say it. */
  of(device: DeviceId): readonly Answer[] {
    const due = this.#store.mailbox.answersFor(device).map(({ id, frame }) => ({ id, frame: decodeFrame(frame) }));
    const acks = due.flatMap(({ id, frame }) =>
      frame.type === "ack" ? frame.envelopeIds.map((envelopeId) => ({ id, envelopeId })) : [],
    );
    const others = due.filter(({ frame }) => frame.type !== "ack");
    return [...acksOf(acks), ...others.map(({ id, frame }) => ({ frame, ids: [id] }))];
  }

  left(device: DeviceId, answers: readonly Answer[]): void {
    const { mailbox, mark } = this.#store;
    this.#paused.delete(device);
    // Lost with the power, they are left once more.
    mark(() => mailbox.removeAnswers(answers.flatMap(({ ids }) => ids)));
  }

  failed(device: DeviceId): void {
    const pauseMs = Math.min(2 * (this.#paused.get(device)?.pauseMs ?? PAUSE_MS / 2), MAX_PAUSE_MS);
    this.#paused.set(device, { untilMs: this.#runtime.monotonic() + pauseMs, pauseMs });
  }

  #forgetOld(): void {
    const { mailbox, mark } = this.#store;
    const before = this.#runtime.now() - LIFETIME_MS;
    const oldest = mailbox.oldestAnswerAtMs();
    if (oldest !== undefined && oldest < before) mark(() => mailbox.removeAnswersBefore(before));
  }
}

/** What is worth keeping: of a stranger's, only what is stored here, for they may be accepted later. */
function keepable(answer: FrameBody, contact: Contact | undefined): FrameBody[] {
  if (contact === undefined || contact.blocked) return [];
  // Each by itself: the same is due once, whatever it came with.
  if (answer.type === "ack") return answer.envelopeIds.map((id) => ({ type: "ack", envelopeIds: [id] }));
  return contact.accepted ? [answer] : [];
}

function acksOf(acks: readonly { readonly id: number; readonly envelopeId: Uint8Array }[]): Answer[] {
  const size = LIMITS.sendWindowMessages;
  return Array.from({ length: Math.ceil(acks.length / size) }, (_, n) => {
    const some = acks.slice(n * size, (n + 1) * size);
    const envelopeIds = some.map(({ envelopeId }) => envelopeId);
    return { frame: { type: "ack", envelopeIds }, ids: some.map(({ id }) => id) };
  });
}
