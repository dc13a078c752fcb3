import { equalBytes, hex } from "../../../shared/bytes.ts";
import type { DeviceId } from "../../../shared/device-id.ts";
import { type OpenedEnvelope, openEnvelope } from "../../../shared/envelope.ts";
import { asChatError, ChatError, isChatError } from "../../../shared/errors.ts";
import type { FrameBody, FrameOf } from "../../../shared/frames.ts";
import { readLogClaim } from "../../../shared/gossip.ts";
import type { Core } from "../core.ts";
import type { Path } from "../path.ts";
import type { Contact } from "../ports/contacts.ts";
import type { Session } from "../ports/sessions.ts";
import type { LiveSession } from "../session-book.ts";
import type { Lane } from "../store/inbox.ts";
import { afterOwnCommit, resetOf } from "./inbound-session.ts";
import { storeEnvelope } from "./store-envelope.ts";
import { releaseReady } from "./visibility.ts";

type MessageFrame = FrameOf<"message">;

/** From whom frames came, and how. */
export type Arrival = { readonly device: DeviceId; readonly path: Path };

/** What decrypting one frame gave: an envelope to store, or the answer that says why not. */
type Decrypted = { readonly frame: MessageFrame } & (
  | { readonly opened: OpenedEnvelope }
  | { readonly answer: FrameBody }
);

/**
 * Takes in messages that arrived together: decrypts all on copies of the session states, then stores what holds in one
 * transaction with the new states. Answers only once that is on disk; what fails changes nothing.
 */
export function receiveMessages(
  core: Core,
  { device, path }: Arrival,
  frames: readonly MessageFrame[],
): Promise<FrameBody[]> {
  return core.book.locked(device, async () => {
    const advanced = new Map<string, LiveSession>();
    const decrypted: Decrypted[] = [];
    for (const frame of frames) decrypted.push(await decryptFrame(core, device, frame, advanced));
    try {
      return storeAll(core, { device, path }, decrypted, advanced);
    } catch (error) {
      core.notices.failed(error);
      return decrypted.map((item) => ("answer" in item ? item.answer : refusal(item.frame.envelopeId, error)));
    }
  });
}

async function decryptFrame(
  { self, sessions, book, store, gossip }: Core,
  device: DeviceId,
  frame: MessageFrame,
  advanced: Map<string, LiveSession>,
): Promise<Decrypted> {
  const { sessionId, envelopeId, ciphertext } = frame;
  const key = hex(sessionId);
  const live = advanced.get(key) ?? book.find(device, sessionId);
  if (live === undefined) {
    return { frame, answer: resetOf(self, device, sessionId) };
  }
  try {
    const decrypt = (session: Session) => sessions.decrypt(session, ciphertext);
    const { session, plaintext, authenticatedData } = await afterOwnCommit(sessions, live.session, decrypt);
    const opened = openEnvelope(plaintext);
    if (!equalBytes(opened.envelopeId, envelopeId)) throw mismatch("hash", "the frame names another envelope");
    if (opened.sender !== device) throw mismatch("identity", "the envelope is signed by another device");
    if (readLogClaim(authenticatedData) === undefined)
      throw mismatch("log", "the message does not say which log it saw");
    advanced.set(key, { ...live, session });
    gossip.claimed(device, authenticatedData);
    return { frame, opened };
  } catch (error) {
    if (store.inbox.hasEnvelope(device, envelopeId))
      return { frame, answer: { type: "ack", envelopeIds: [envelopeId] } };
    if (isChatError(error, "SESSION_OUT_OF_ORDER", "SESSION_INVALID")) {
      return { frame, answer: { type: "resend", sessionId, envelopeId } };
    }
    return { frame, answer: refusal(envelopeId, error) };
  }
}

/** A lane on which this batch stored something, and the envelope with the highest number among it. */
type StoredLane = { readonly lane: Lane; readonly newest: OpenedEnvelope };

function storeAll(
  core: Core,
  { device, path }: Arrival,
  decrypted: readonly Decrypted[],
  advanced: ReadonlyMap<string, LiveSession>,
): FrameBody[] {
  const { store, book, notices } = core;
  const acked: Uint8Array[] = [];
  const answers: FrameBody[] = [];
  const lanes = new Map<string, StoredLane>();
  let isSeen = false;
  let requeued = false;
  const seen: Uint8Array[] = [];
  const displayed = (messageIds: readonly Uint8Array[]) => void seen.push(...messageIds);
  store.transaction(() => {
    const contact = store.contacts.findByDevice(device);
    for (const item of decrypted) {
      const answer = "answer" in item ? item.answer : storeOne(core, { ...item, path, displayed }, contact, lanes);
      if (answer === undefined) acked.push(item.frame.envelopeId);
      else answers.push(answer);
    }
    if (acked.length === 0) return;
    for (const live of advanced.values()) book.save(device, live);
    for (const { lane, newest } of lanes.values()) store.inbox.keepProof(lane, newest.envelope.seq, newest.signed);
    for (const { lane } of lanes.values()) isSeen = releaseReady(store, lane) || isSeen;
    requeued = contact !== undefined && requeueAnswered(core, contact);
  });
  if (acked.length > 0) {
    for (const live of advanced.values()) book.remember(device, live);
    answers.unshift({ type: "ack", envelopeIds: acked });
  }
  if (lanes.size > 0) notices.stored([...lanes.values()].map(({ lane }) => lane));
  if (isSeen) notices.released();
  if (requeued) notices.requeued(device);
  if (seen.length > 0) notices.outboxChanged(seen);
  return answers;
}

/** Nothing to answer but an ack, or the refusal; in a transaction. */
function storeOne(
  { self, store, runtime, expiryNow, notices }: Core,
  {
    opened,
    frame,
    path,
    displayed,
  }: Extract<Decrypted, { opened: OpenedEnvelope }> &
    Pick<Arrival, "path"> & { displayed: (messageIds: readonly Uint8Array[]) => void },
  contact: Contact | undefined,
  lanes: Map<string, StoredLane>,
): FrameBody | undefined {
  try {
    if (contact === undefined) throw mismatch("identity", "nobody's record lists that device");
    const now = { nowMs: runtime.now(), expiryNowMs: expiryNow() };
    const outcome = storeEnvelope({ self, store, ...now, path, displayed }, opened, contact);
    const { incarnation, conversation } = opened.envelope;
    const lane: Lane = { device: opened.sender, incarnation, conversation };
    if (outcome === "repeated") return undefined;
    const key = hex(incarnation) + hex(conversation);
    const newest = lanes.get(key)?.newest;
    const isNewer = newest === undefined || newest.envelope.seq < opened.envelope.seq;
    lanes.set(key, { lane, newest: isNewer ? opened : newest });
    return undefined;
  } catch (error) {
    if (isChatError(error, "STORAGE", "STORE_CORRUPT") || !(error instanceof ChatError)) throw error;
    // Whoever numbers two messages alike lies, or is an old copy of somebody.
    if (error.reason === "seq" || error.reason === "chain") notices.failed(error);
    return refusal(frame.envelopeId, error);
  }
}

/** An answer ends the quota that a stranger is under, so what failed for it goes out again. */
function requeueAnswered({ store }: Core, contact: Contact): boolean {
  const mine = store.outbox.failed("QUOTA").filter((row) => row.to === contact.username);
  for (const row of mine) store.outbox.requeue(row.id);
  return mine.length > 0;
}

/** What a peer is told: the code and its reason, never the message. */
export function refusal(subject: Uint8Array | null, error: unknown): FrameBody {
  const known = asChatError(error);
  return { type: "refuse", subject, code: known.code, reason: known.reason ?? null };
}

function mismatch(reason: string, message: string): ChatError {
  return new ChatError("ENVELOPE_INVALID", message, { reason });
}
