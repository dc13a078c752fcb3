import { equalBytes } from "../../../shared/bytes.ts";
import { directConversation } from "../../../shared/conversation.ts";
import { openSigned } from "../../../shared/envelope.ts";
import { ChatError } from "../../../shared/errors.ts";
import type { Delivery } from "../delivery.ts";
import type { Self } from "../self.ts";
import type { OutboxRow } from "../store/outbox.ts";
import type { Store } from "../store.ts";
import type { OutboxWatch } from "./outbox-watch.ts";

/** A peer's claim to have more than this profile remembers sending, or another message than `row` under its number. */
export type Claim = { readonly to: OutboxRow["to"]; readonly row: OutboxRow | undefined };

/**
 * Whether this profile is an old copy of itself. Only its own signature says so: a contact's bare word would let them
 * stop it and make it burn a device at will.
 *
 * @param signed  the envelope that the peer kept of this device, null for none
 * @throws ChatError ENVELOPE_INVALID for what is no envelope
 */
export function provesOldCopy(
  { self, store }: { self: Self; store: Pick<Store, "numbering"> },
  { to, row }: Claim,
  signed: Uint8Array | null,
): boolean {
  if (signed === null) return false;
  const { envelope, sender } = openSigned(signed);
  const conversation = directConversation(self.username, to);
  const isOurs =
    sender === self.device &&
    equalBytes(envelope.incarnation, self.incarnation) &&
    equalBytes(envelope.conversation, conversation);
  if (!isOurs) return false;
  if (envelope.seq > store.numbering.last(conversation)) return true;
  return row !== undefined && envelope.seq === row.seq && !equalBytes(envelope.messageId, row.messageId);
}

type Working = {
  readonly store: Store;
  readonly watch: OutboxWatch;
  readonly delivery: Delivery | undefined;
  /** Sees to it that the next start finds an old copy. */
  readonly disown: () => void;
  readonly failed: (error: unknown) => void;
};

/**
 * Ends all delivery, since a copy of session state must never encrypt again, whatever the disk allows; and says why to
 * whoever waits for it.
 */
export function standDown({ store, watch, delivery, disown, failed }: Working): void {
  void delivery?.stop();
  try {
    disown();
    const waiting = store.outbox.waiting();
    store.transaction(() => {
      for (const { device } of waiting) store.outbox.noteAttempt(device, "PROFILE_UNSAFE", "restored");
    });
  } catch (error) {
    failed(error);
  }
  watch.end();
}

export function oldCopy(): ChatError {
  return new ChatError("PROFILE_UNSAFE", "this profile is an old copy of itself", { reason: "restored" });
}
