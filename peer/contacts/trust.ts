import { equalBytes } from "../../shared/bytes.ts";
import { isChatError } from "../../shared/errors.ts";
import { parseNameRecord } from "../../shared/name-record.ts";
import type { Contact } from "../messaging/ports/contacts.ts";
import type { NameAnswer } from "../messaging/ports/naming-server.ts";
import type { Examining } from "./examine.ts";
import { follow, verifyFirst } from "./follow.ts";
import { assertLogged } from "./logged.ts";
import { movePin, noteChange, updatePin } from "./pin.ts";
import { isServerUnusable } from "./records.ts";

/**
 * Accepts the changed key that was shown, and no other: a third key that the server shows by now is a change of its own.
 * Where the server shows what the pinned key vouches for again, the pin stays and only the block ends.
 *
 * @throws ChatError KEY_CHANGED for a third key, and as `Resolver.resolve`
 */
export async function acceptChange(deps: Examining, contact: Contact, signal?: AbortSignal): Promise<Contact> {
  const { records, contacts, log, now } = deps;
  if (contact.changed === undefined) return contact;
  const shown = parseNameRecord(contact.changed.record);
  const history = records.historyOf(contact.username, signal);
  const answer = await records.ask(contact.username, signal).catch((error: unknown): NameAnswer => {
    if (!isServerUnusable(error)) throw error;
    return { record: shown, addresses: new Map(), mailboxes: new Map() };
  });
  try {
    const outcome = await follow(parseNameRecord(contact.record), answer.record, history);
    if (outcome === "followed") await assertLogged(log, answer.record, signal);
    return updatePin(contacts, contact, (stored) => movePin(stored, answer));
  } catch (error) {
    if (!isChatError(error, "KEY_CHANGED")) throw error;
    noteChange(contacts, contact, answer.record, now());
    if (!equalBytes(answer.record.identity, shown.identity)) throw error;
  }
  await verifyFirst(answer.record, history);
  return updatePin(contacts, contact, (stored) => ({ ...movePin(stored, answer), pinnedAtMs: now() }));
}
