import { ChatError, isChatError } from "../../../shared/errors.ts";
import { fingerprintOf } from "../../../shared/fingerprint.ts";
import { parseNameRecord } from "../../../shared/name-record.ts";
import type { Username } from "../../../shared/username.ts";
import type { MessengerDeps } from "../messenger.ts";
import type { SendParams } from "../operations/messages.ts";
import type { Contact } from "../ports/contacts.ts";

const RECORD_AGE_MS = 5000;
const LOOKUP_PATIENCE_MS = 60_000;

/** The recipient, checked as far as the naming server can be asked; nothing is stored before this succeeds. */
export async function recipient(
  deps: MessengerDeps,
  username: Username,
  { timeoutMs, wait }: SendParams,
): Promise<Contact> {
  const known = deps.store.contacts.find(username);
  // A pinned contact is written to at once where nobody waits and nothing runs; the next delivery asks the server.
  const longestMs = wait === "queued" && known !== undefined ? RECORD_AGE_MS : LOOKUP_PATIENCE_MS;
  const patienceMs = Math.min(timeoutMs, longestMs);
  const signal = AbortSignal.timeout(Math.max(1, Math.ceil(patienceMs)));
  const { contact } = await deps.resolver.resolve(username, { maxAgeMs: RECORD_AGE_MS, signal }).catch((error) => {
    throw isChatError(error, "TIMED_OUT") ? silentAbout(username, error) : error;
  });
  assertMayWrite(contact);
  return contact;
}

function silentAbout(username: Username, cause: ChatError): ChatError {
  return new ChatError("TIMED_OUT", `the naming server did not say in time who ${username} is; nothing was sent`, {
    cause,
  });
}

/** Somebody with whom there is a conversation already. */
export async function pinned({ store }: MessengerDeps, username: Username): Promise<Contact> {
  const contact = store.contacts.find(username);
  if (contact === undefined) throw new ChatError("CONTACT_UNKNOWN", `${username} is not among your contacts`);
  assertMayWrite(contact);
  return contact;
}

/** @throws ChatError CONTACT_BLOCKED, KEY_CHANGED */
export function assertMayWrite(contact: Contact): void {
  const { username, blocked, changed, identity } = contact;
  if (blocked) throw new ChatError("CONTACT_BLOCKED", `${username} is blocked here; nothing was sent`);
  if (changed === undefined) return;
  const oldFingerprint = fingerprintOf(identity);
  const newFingerprint = fingerprintOf(parseNameRecord(changed.record).identity);
  throw new ChatError("KEY_CHANGED", `the key of ${username} has changed; nothing was sent`, {
    details: { username, oldFingerprint, newFingerprint },
  });
}
