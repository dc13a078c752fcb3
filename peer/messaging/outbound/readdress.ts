import { hex } from "../../../shared/bytes.ts";
import type { DeviceId } from "../../../shared/device-id.ts";
import { linkOf, openEnvelope, type SealedEnvelope } from "../../../shared/envelope.ts";
import type { Username } from "../../../shared/username.ts";
import type { Self } from "../self.ts";
import type { OutboxRow } from "../store/outbox.ts";
import type { Store } from "../store.ts";
import { envelopeFor, type Outgoing, sealFor } from "./outgoing-envelope.ts";

type Deps = { readonly self: Self; readonly store: Store };

/**
 * What waits for a device that left its owner's record goes to the devices that are there now, in its old order and
 * place in the queue.
 *
 * @returns the devices that may have something new
 */
export function readdress({ self, store }: Deps, to: Username, gone: DeviceId): readonly DeviceId[] {
  const devices = store.contacts.find(to)?.devices ?? [];
  if (devices.length === 0) return [];
  const envelopeOf = lateEnvelopes(self, store);
  store.transaction(() => {
    for (const row of store.outbox.queued(gone, 0, Number.MAX_SAFE_INTEGER)) {
      const reached = new Set(store.outbox.ofMessage(row.messageId).map(({ device }) => device));
      const [first, ...others] = devices.filter((device) => !reached.has(device));
      if (first === undefined) store.outbox.remove(row.id);
      else store.outbox.replace(row.id, { ...row, device: first, ...envelopeOf(row, first) });
      for (const device of others) store.outbox.add({ ...row, device, ...envelopeOf(row, device) });
    }
    store.mailbox.forget(gone);
  });
  return devices;
}

/**
 * Signs messages for a device that was not there when they were written. Newer ones may have been signed for it since,
 * as its first: then these form a chain of their own before them.
 */
function lateEnvelopes(self: Self, { numbering }: Store): (row: OutboxRow, device: DeviceId) => SealedEnvelope {
  const chains = new Map<string, { readonly link: Uint8Array | null; readonly isNewest: boolean }>();
  return (row, device) => {
    const message = outgoing(row);
    const { conversation, messageId } = message;
    const key = `${device}/${hex(conversation)}`;
    const chain = chains.get(key) ?? { link: null, isNewest: numbering.lastLink(conversation, device) === null };
    const link = linkOf({ prevHash: chain.link, messageId });
    chains.set(key, { ...chain, link });
    if (chain.isNewest) numbering.setLastLink(conversation, device, link);
    return sealFor(self, message, device, chain.link);
  };
}

/**
 * Signs everything that is queued anew, numbered from 1: for a restored profile, whose device and incarnation are new.
 * In a transaction.
 */
export function renumberOutbox({ self, store }: Deps): void {
  const numbers = new Map<string, number>();
  for (const row of store.outbox.open()) {
    const message = outgoing(row);
    const key = hex(row.messageId);
    const seq = numbers.get(key) ?? store.numbering.next(message.conversation);
    numbers.set(key, seq);
    const envelope = envelopeFor(self, store.numbering, { ...message, seq }, row.device);
    store.outbox.replace(row.id, { ...row, seq, ...envelope });
  }
}

function outgoing({ plaintext, seq }: OutboxRow): Outgoing {
  const { envelope } = openEnvelope(plaintext);
  return { ...envelope, seq, acceptedAtMs: envelope.sentAt };
}
