import { equalBytes } from "../../shared/bytes.ts";
import { type Content, decodeContent, ENVELOPE_KINDS, encodeContent } from "../../shared/content.ts";
import { directConversation } from "../../shared/conversation.ts";
import { publicKeyOfDevice } from "../../shared/device-id.ts";
import { type Envelope, linkOf, type OpenedEnvelope } from "../../shared/envelope.ts";
import { ChatError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/protocol.ts";
import { applyChange, expiryOf, isChange, withoutValue } from "./apply-change.ts";
import { inboxMode } from "./inbox-mode.ts";
import type { Path } from "./path.ts";
import type { Contact } from "./ports.ts";
import type { Self } from "./self.ts";
import type { InboundMessage, Lane, Store } from "./store.ts";

type Arrival = {
  readonly self: Self;
  readonly store: Store;
  readonly nowMs: number;
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
  { self, store, nowMs, path, displayed }: Arrival,
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
  take(store, { message, body, content, isRequest, displayed });
  return "stored";
}

type Arrived = {
  readonly message: Omit<InboundMessage, "body" | "text">;
  readonly body: Uint8Array;
  readonly content: Content | undefined;
  readonly isRequest: boolean;
  readonly displayed: Arrival["displayed"];
};

/** Keeps what was said, and does what it says. */
function take(store: Store, { message, body, content, isRequest, displayed }: Arrived): void {
  const { from, messageId } = message;
  const said = { author: from, own: false } as const;
  if (isChange(content)) {
    store.inbox.add({ ...message, body: encodeContent(withoutValue(content)), text: "" }, "change");
    applyChange(store, content, said);
  } else if (content?.kind === "text" && !store.inbox.hasMessage(from, messageId)) {
    const { text } = content;
    store.inbox.add({ ...message, body, text }, isRequest ? "request" : "text", expiryOf(content));
    // A device of theirs may have taken back what another one is still sending.
    if (store.amendments.of(messageId).some(({ kind, author }) => kind === "delete" && author === from)) {
      store.inbox.erase(from, messageId);
    }
  } else {
    // A person's restored or second device may send a message again under another envelope: one line, ever.
    store.inbox.add({ ...message, body, text: "" }, "nothing");
    if (content?.kind === "read") displayed?.(store.outbox.markDisplayed(from, content.targets));
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
