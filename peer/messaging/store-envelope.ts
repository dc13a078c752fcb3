import { equalBytes } from "../../shared/bytes.ts";
import { directConversation } from "../../shared/conversation.ts";
import { publicKeyOfDevice } from "../../shared/device-id.ts";
import { decodeText, ENVELOPE_KINDS, type Envelope, linkOf, type OpenedEnvelope } from "../../shared/envelope.ts";
import { ChatError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/protocol.ts";
import type { Contact, Path } from "./ports.ts";
import type { Self } from "./self.ts";
import type { Lane, Store } from "./store.ts";

/**
 * Stores a decrypted envelope of a contact's device, or finds that it is stored; in a transaction. Which message is
 * visible when is not decided here.
 *
 * @throws ChatError ENVELOPE_INVALID (reason `recipient`, `identity`, `conversation`, `seq`, `chain`, `schema`, `size`),
 *   CONTACT_BLOCKED, QUOTA; then nothing is written
 */
export function storeEnvelope(
  { self, store, nowMs, path }: { self: Self; store: Store; nowMs: number; path: Path },
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
  const text = kind === ENVELOPE_KINDS.text ? decodeText(body) : "";
  const from = contact.username;
  // A person's restored device or second device may send a message again under another envelope: one line, ever.
  const readable = kind === ENVELOPE_KINDS.text && !store.inbox.hasMessage(from, messageId);
  // Whoever is new to this device begins where they say.
  if (store.inbox.mark(lane) === undefined) store.inbox.setMark(lane, prevHash === null ? seq - 1 : 0);
  const arrival = { sentAtMs: envelope.sentAt, receivedAtMs: nowMs, path };
  const link = linkOf(envelope);
  store.inbox.add({ messageId, envelopeId, from, ...lane, seq, link, kind, body, text, ...arrival }, readable);
  return "stored";
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
  const used = store.inbox.usage(contact.username);
  if (used.messages >= LIMITS.strangerMaxMessages || used.bytes + bytes > LIMITS.strangerMaxBytes) {
    throw new ChatError("QUOTA", "the recipient takes no more from you until they answer");
  }
}

function invalid(reason: string, message: string): ChatError {
  return new ChatError("ENVELOPE_INVALID", message, { reason });
}
