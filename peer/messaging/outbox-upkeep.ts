import { hex } from "../../shared/bytes.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import { ENVELOPE_KINDS, type Envelope, encodeTombstone, openEnvelope, sealEnvelope } from "../../shared/envelope.ts";
import type { Username } from "../../shared/username.ts";
import { envelopeFor } from "./outgoing-envelope.ts";
import type { Self } from "./self.ts";
import type { OutboxRow, Store } from "./store.ts";

/** After this long a message that nobody took is given up, visibly. */
const GIVE_UP_AFTER_MS = 30 * 24 * 60 * 60_000;

type Deps = { readonly self: Self; readonly store: Store };

/**
 * Takes a message back as far as no device has it: what is queued becomes a tombstone under the same sequence, and its
 * text leaves the history.
 *
 * @returns how many devices will not get it
 */
export function cancelMessage({ self, store }: Deps, messageId: Uint8Array): number {
  return store.transaction(() => {
    const rows = store.outbox.ofMessage(messageId);
    const open = rows.filter((row) => row.state !== "stored" && !row.tombstone);
    for (const row of open) entomb(self, store, row);
    if (open.length > 0 && open.length === rows.length) store.history.eraseOwn(messageId);
    return open.length;
  });
}

/** Gives up what has waited for 30 days: `failed` with TIMED_OUT in history and outbox, a tombstone on its way. */
export function giveUpOld({ self, store }: Deps, nowMs: number): readonly OutboxRow[] {
  const old = store.outbox
    .open()
    .filter((row) => row.state === "queued" && nowMs - row.acceptedAtMs > GIVE_UP_AFTER_MS);
  if (old.length === 0) return [];
  store.transaction(() => {
    for (const row of old) {
      if (row.tombstone) store.outbox.remove(row.id);
      else entomb(self, store, row);
    }
  });
  return old.filter((row) => !row.tombstone);
}

/** The same place and link, nothing in it. */
function entomb(self: Self, store: Store, row: OutboxRow): void {
  const { envelope } = openEnvelope(row.plaintext);
  const tombstone: Envelope = { ...envelope, kind: ENVELOPE_KINDS.tombstone, body: encodeTombstone() };
  const { device, seq } = row;
  store.outbox.replace(row.id, { device, seq, tombstone: true, ...sealEnvelope(tombstone, self.deviceKey) });
}

/**
 * What waits for a device that left its owner's record goes to the devices that are there now, in its old order.
 *
 * @returns the devices that have something new
 */
export function readdress({ self, store }: Deps, to: Username, gone: DeviceId): readonly DeviceId[] {
  const devices = store.contacts.find(to)?.devices ?? [];
  store.transaction(() => {
    for (const row of store.outbox.queued(gone, 0, Number.MAX_SAFE_INTEGER)) {
      const reached = new Set(store.outbox.ofMessage(row.messageId).map(({ device }) => device));
      const [first, ...others] = devices.filter((device) => !reached.has(device));
      if (first === undefined) store.outbox.remove(row.id);
      else store.outbox.replace(row.id, { ...row, device: first, ...again(self, store, row, first) });
      for (const device of others) store.outbox.add({ ...row, device, ...again(self, store, row, device) });
    }
  });
  return devices;
}

/**
 * Signs everything that is queued anew, numbered from 1: for a restored profile, whose device and incarnation are new.
 * In a transaction.
 */
export function renumberOutbox({ self, store }: Deps): void {
  const numbers = new Map<string, number>();
  for (const row of store.outbox.open()) {
    const key = hex(row.messageId);
    const seq = numbers.get(key) ?? store.numbering.next(openEnvelope(row.plaintext).envelope.conversation);
    numbers.set(key, seq);
    store.outbox.replace(row.id, { ...row, seq, ...again(self, store, { ...row, seq }, row.device) });
  }
}

function again(self: Self, store: Store, { plaintext, seq }: OutboxRow, device: DeviceId) {
  const { envelope } = openEnvelope(plaintext);
  return envelopeFor(self, store.numbering, { ...envelope, seq, acceptedAtMs: envelope.sentAt }, device);
}
