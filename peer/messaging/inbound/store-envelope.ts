import { equalBytes } from "../../../shared/bytes.ts";
import { type Content, type ContentOf, decodeContent, ENVELOPE_KINDS, encodeContent } from "../../../shared/content.ts";
import { directConversation } from "../../../shared/conversation.ts";
import { publicKeyOfDevice } from "../../../shared/device-id.ts";
import { type Envelope, linkOf, type OpenedEnvelope } from "../../../shared/envelope.ts";
import { ChatError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { expiryOnArrival } from "../expiry.ts";
import type { Path } from "../path.ts";
import type { Contact } from "../ports/contacts.ts";
import type { Self } from "../self.ts";
import type { InboundMessage, Lane } from "../store/inbox.ts";
import type { Store } from "../store.ts";
import { applyChange, type Change, isChange, judgeChange, withoutValue } from "./apply-change.ts";
import { inboxMode } from "./inbox-mode.ts";
import { knownMessages } from "./known-message.ts";

type Arrival = {
  readonly self: Self;
  readonly store: Store;
  /** Milliseconds since the Unix epoch, by this computer's clock. */
  readonly nowMs: number;
  /** The same, for what expires. */
  readonly expiryNowMs: number;
  readonly path: Path;
  /** Those own messages were shown to whoever wrote this. */
  readonly displayed?: (messageIds: readonly Uint8Array[]) => void;
};

/**
 * Stores a decrypted envelope of a contact's device, or finds that it is stored; in a transaction. Which message is
 * visible when is not decided here.
 *
 * @throws ChatError ENVELOPE_INVALID (reason `recipient`, `identity`, `conversation`, `seq`, `chain`, `schema`, `size`),
 *   CONTACT_BLOCKED, QUOTA; then nothing is written
 */
export function storeEnvelope(
  { self, store, nowMs, expiryNowMs, path, displayed }: Arrival,
  opened: OpenedEnvelope,
  contact: Contact,
): "stored" | "repeated" {
  const { envelope, envelopeId, sender } = opened;
  if (!equalBytes(envelope.recipient, publicKeyOfDevice(self.device))) {
    throw invalid("recipient", "the envelope is for another device");
  }
  if (!contact.devices.includes(sender)) throw invalid("identity", "nobody's record lists that device");
  if (contact.blocked) throw new ChatError("CONTACT_BLOCKED", "this person does not take your messages");
  if (!equalBytes(envelope.conversation, directConversation(self.username, contact.username))) {
    throw invalid("conversation", "the envelope belongs to another conversation");
  }
  if (store.inbox.hasEnvelope(sender, envelopeId)) return "repeated";
  const { messageId, seq, kind, body, prevHash } = envelope;
  const lane: Lane = { device: sender, incarnation: envelope.incarnation, conversation: envelope.conversation };
  if (isTaken(store, lane, envelope)) return "repeated";
  checkChain(store, lane, envelope);
  checkQuota(store, contact, body.length);
  const content = decodeContent(kind, body);
  const from = contact.username;
  // Whoever is new to this device begins where they say.
  if (store.inbox.mark(lane) === undefined) store.inbox.setMark(lane, prevHash === null ? seq - 1 : 0);
  const arrival = { sentAtMs: envelope.sentAt, receivedAtMs: nowMs, path };
  const message = { messageId, envelopeId, from, ...lane, seq, link: linkOf(envelope), kind, ...arrival };
  const isRequest = !contact.accepted && inboxMode(store) === "requests";
  take({ self, store, nowMs: expiryNowMs }, { message, body, content, isRequest, displayed });
  return "stored";
}

const NOTHING_SAID = { kind: "text", text: "" } as const;

type Arrived = {
  readonly message: Omit<InboundMessage, "body" | "text">;
  readonly body: Uint8Array;
  readonly content: Content | undefined;
  readonly isRequest: boolean;
  readonly displayed: Arrival["displayed"];
};

type Here = Pick<Arrival, "self" | "store" | "nowMs">;

/** Keeps what was said, and does what it says. */
function take(here: Here, arrived: Arrived): void {
  const { message, body, content, displayed } = arrived;
  const { store } = here;
  if (isChange(content)) takeChange(here, arrived, content);
  else if (content?.kind === "text") takeText(here, arrived, content);
  else {
    store.inbox.add({ ...message, body, text: "" }, "nothing");
    if (content?.kind === "read") displayed?.(store.outbox.markDisplayed(message.from, content.targets));
  }
}

function takeChange(here: Here, { message, body, isRequest }: Arrived, change: Change): void {
  const { store } = here;
  const said = { change, author: message.from, isHeld: isRequest };
  const { effect, expiresAtMs } = judgeChange(knownMessages(here, change.target), said);
  const kept = { ...message, body: encodeContent(withoutValue(change)), text: "" };
  store.inbox.add(kept, effect === "told" ? "change" : "nothing", { expiresAtMs, bytes: body.length });
  if (effect !== "none") applyChange(store, change, { author: message.from });
}

function takeText({ store, nowMs }: Here, { message, body, isRequest }: Arrived, content: ContentOf<"text">): void {
  const { from, messageId, sentAtMs } = message;
  // A person's restored or second device may send a message again under another envelope: one line, ever. A device of
  // theirs may have taken back what another one is still sending.
  const isRepeated = store.inbox.hasMessage(from, messageId);
  const isDeleted = store.amendments.of(messageId).some(({ kind, author }) => kind === "delete" && author === from);
  const { text } = isRepeated || isDeleted ? NOTHING_SAID : content;
  const kept = { ...message, body: isRepeated || isDeleted ? encodeContent(NOTHING_SAID) : body, text };
  if (isRepeated) store.inbox.add(kept, "nothing", { bytes: body.length });
  else {
    const expiresAtMs = expiryOnArrival(content, sentAtMs, nowMs);
    store.inbox.add(kept, isRequest ? "request" : "text", { expiresAtMs, bytes: body.length });
  }
}

/**
 * One envelope for a sequence. A tombstone that comes after the message it stands for has come too late: whatever was
 * stored first stays.
 */
function isTaken(store: Store, lane: Lane, envelope: Envelope): boolean {
  const stored = store.inbox.linkAt(lane, envelope.seq);
  if (stored === undefined) return false;
  if (envelope.kind === ENVELOPE_KINDS.tombstone && equalBytes(stored, linkOf(envelope))) return true;
  throw invalid("seq", `another envelope was stored as number ${envelope.seq}`);
}

/** Each names the one before it to the same device; the first to a device may come after older ones. */
function checkChain(store: Store, lane: Lane, { seq, prevHash }: Envelope): void {
  const before = store.inbox.linkAt(lane, seq - 1);
  if (before === undefined || prevHash === null || equalBytes(prevHash, before)) return;
  throw invalid("chain", `number ${seq} does not name the message before it`);
}

/** Someone who was never answered may not fill the disk. */
function checkQuota(store: Store, contact: Contact, bytes: number): void {
  if (contact.accepted) return;
  if (inboxMode(store) === "contacts") throw new ChatError("QUOTA", "the recipient takes nothing from strangers");
  const used = store.inbox.usage(contact.username);
  if (used.messages >= LIMITS.strangerMaxMessages || used.bytes + bytes > LIMITS.strangerMaxBytes) {
    throw new ChatError("QUOTA", "the recipient takes no more from you until they answer");
  }
}

function invalid(reason: string, message: string): ChatError {
  return new ChatError("ENVELOPE_INVALID", message, { reason });
}
