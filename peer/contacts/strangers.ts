import { equalBytes } from "../../shared/bytes.ts";
import { ChatError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/protocol.ts";
import type { Contact, ContactStore } from "../messaging/ports/contacts.ts";

/**
 * Strangers who write are contacts to be, until the user answers, compares keys with, blocks or removes them. There are
 * places for so many, and one for each identity key.
 *
 * @param newcomer  who would take one; left out while that is not known yet
 * @throws ChatError QUOTA
 */
export function assertPlaceFree(contacts: Pick<ContactStore, "list">, newcomer?: Contact): void {
  const strangers = contacts.list().filter(({ accepted, verified, blocked }) => !accepted && !verified && !blocked);
  const isAgain = strangers.some(({ identity }) => newcomer !== undefined && equalBytes(identity, newcomer.identity));
  if (strangers.length < LIMITS.strangersMax && !isAgain) return;
  throw new ChatError("QUOTA", "too many people wait for an answer");
}
