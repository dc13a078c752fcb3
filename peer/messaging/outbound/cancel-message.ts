import { ChatError } from "../../../shared/errors.ts";
import { readMessageId } from "../inbound/known-message.ts";
import type { MessengerDeps } from "../messenger.ts";
import type { Cancelled } from "../operations/messages.ts";
import { cancelMessage, mayBeThere } from "./outbox-upkeep.ts";

/** How long a process that ends with the command stays to leave word of it. */
const PATIENCE_MS = 10_000;

/**
 * Takes a message out of the outbox. One that was left in a mailbox cannot be taken out of there: its reader is told to
 * delete it, whether they have read it by then or not.
 *
 * @throws ChatError OUTBOX_UNKNOWN
 */
export async function cancel(deps: MessengerDeps, id: string): Promise<Cancelled> {
  const messageId = readMessageId(id);
  // First: whatever happens in between, the text is gone on both sides.
  const word = await leaveWord(deps, messageId);
  const cancelled = cancelMessage(deps, messageId);
  const withdrawn = word !== undefined;
  if (cancelled === 0 && !withdrawn) throw new ChatError("OUTBOX_UNKNOWN", "no message with that id is waiting");
  deps.watch.changed([messageId]);
  if (withdrawn) await tell(deps, word);
  return { cancelled, withdrawn };
}

/** Nobody is told of a message that one of their devices has for good, or whom the user does not write to. */
async function leaveWord(deps: MessengerDeps, messageId: Uint8Array): Promise<Uint8Array | undefined> {
  const { store, acceptor } = deps;
  const rows = store.outbox.ofMessage(messageId);
  const message = store.history.findOwn(messageId);
  const isLeft = rows.some((row) => mayBeThere(row) && !row.tombstone);
  if (message?.kind !== "text" || !isLeft || rows.some(({ state }) => state === "stored")) return undefined;
  const to = store.contacts.find(message.to);
  if (to === undefined || to.blocked) return undefined;
  return (await acceptor.accept({ to, content: { kind: "delete", target: messageId } })).messageId;
}

async function tell(deps: MessengerDeps, word: Uint8Array): Promise<void> {
  const to = deps.store.history.findOwn(word)?.to;
  const contact = to && deps.store.contacts.find(to);
  if (contact === undefined) return;
  (await deps.engine()).delivery.deliver(contact.username, contact.devices);
  if (deps.daemon === null) await deps.watch.settled(word, "relayed", PATIENCE_MS);
}
