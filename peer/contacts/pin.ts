import { isDeepStrictEqual } from "node:util";
import { equalBytes } from "../../shared/bytes.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import { type NameRecord, parseNameRecord } from "../../shared/name-record.ts";
import type { Contact, ContactStore } from "../messaging/ports/contacts.ts";
import type { NameAnswer } from "../messaging/ports/naming-server.ts";
import { keyChanged } from "./follow.ts";

/** Pins the record of somebody new. */
export function pin(answer: NameAnswer, nowMs: number): Contact {
  return {
    ...fromRecord(answer, {}),
    verified: false,
    blocked: false,
    accepted: false,
    changed: undefined,
    pinnedAtMs: nowMs,
  };
}

/** Moves a pin on to a record that may be relied on; another key has not been compared yet. */
export function movePin(contact: Contact, answer: NameAnswer): Contact {
  const verified = contact.verified && equalBytes(contact.identity, answer.record.identity);
  return { ...contact, ...fromRecord(answer, contact.addresses), verified, changed: undefined };
}

function fromRecord({ record, addresses, mailboxes }: NameAnswer, lastKnown: Contact["addresses"]) {
  const { devices } = record;
  return {
    username: record.payload.name,
    record: record.jws.text,
    seq: record.payload.seq,
    identity: record.identity,
    devices,
    // Where a device was found last is better than nothing.
    addresses: newest(devices, addresses, lastKnown),
    // One that is not shown was withdrawn; its grants, if any, say so too.
    mailboxes: newest(devices, mailboxes, {}),
  };
}

function newest<T>(
  devices: readonly DeviceId[],
  shown: ReadonlyMap<DeviceId, T>,
  lastKnown: Readonly<Record<string, T>>,
): Readonly<Record<string, T>> {
  const found = devices.map((device) => [device, shown.get(device) ?? lastKnown[device]] as const);
  return Object.fromEntries(found.flatMap(([device, value]) => (value === undefined ? [] : [[device, value]])));
}

/**
 * Applies a change to what is stored now: people may have blocked or removed the contact while the server was asked.
 * Somebody removed stays removed, and a pin that has moved meanwhile stays where it is.
 */
export function updatePin(contacts: ContactStore, before: Contact, change: (contact: Contact) => Contact): Contact {
  const stored = contacts.find(before.username);
  if (stored === undefined) return change(before);
  if (stored.record !== before.record) return stored;
  const changed = change(stored);
  if (!isDeepStrictEqual(changed, stored)) contacts.save(changed);
  return changed;
}

/** Keeps a record that the pinned key does not vouch for, so that sending stays blocked. */
export function noteChange(contacts: ContactStore, pinned: Contact, { jws }: NameRecord, nowMs: number): void {
  if (pinned.changed?.record === jws.text) return;
  updatePin(contacts, pinned, (contact) => ({ ...contact, changed: { record: jws.text, seenAtMs: nowMs } }));
}

/** @throws ChatError KEY_CHANGED */
export function assertUnchanged(contact: Contact): void {
  if (contact.changed !== undefined) throw keyChanged(contact, parseNameRecord(contact.changed.record));
}
