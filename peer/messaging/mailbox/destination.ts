import { decodeBase64url } from "../../../shared/base64url.ts";
import type { DeviceId } from "../../../shared/device-id.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import type { PublicMailbox } from "../ports/naming-server.ts";
import type { Runtime } from "../runtime.ts";
import type { Grant } from "../store/mailbox.ts";
import type { Store } from "../store.ts";

/** Its giver forgets the secrets of a grant five weeks after its own week, at the earliest. */
const GRANT_LIFETIME_MS = 28 * 24 * 60 * 60_000;

/** A box that a parcel may be left in; `tokens` is null where none are needed, in a box for everybody. */
export type Slot = {
  readonly relay: string;
  readonly box: Uint8Array;
  readonly tokens: readonly Uint8Array[] | null;
};

/** Where parcels for a device go, and the key that they are sealed for. */
export type Destination = { readonly key: Uint8Array; readonly slots: readonly Slot[] };

export type DestinationDeps = {
  readonly store: Pick<Store, "mailbox" | "contacts">;
  readonly runtime: Pick<Runtime, "now">;
};

/** Boxes of a grant come first. Undefined for a device without a mailbox that is known here. */
export function findDestination({ store, runtime }: DestinationDeps, device: DeviceId): Destination | undefined {
  const grant = store.mailbox.grantOf(device);
  const record = store.contacts.findByDevice(device)?.mailboxes[device];
  const isOld = grant !== undefined && Math.abs(runtime.now() - grant.receivedAtMs) > GRANT_LIFETIME_MS;
  const granted = grant === undefined || (isOld && record !== undefined) ? [] : slotsOfGrant(grant);
  const forAll = record === undefined ? [] : slotsOfRecord(record);
  const slots = [...granted, ...forAll];
  const key = newestKey(grant, record);
  return key === undefined || slots.length === 0 ? undefined : { key, slots };
}

/** Whether all that is known of a device's mailbox is so old that its owner may read there no more. */
export function isDated({ store, runtime }: DestinationDeps, device: DeviceId): boolean {
  const grantedAtMs = store.mailbox.grantOf(device)?.receivedAtMs ?? 0;
  const record = store.contacts.findByDevice(device)?.mailboxes[device];
  const newestMs = Math.max(grantedAtMs, record === undefined ? 0 : madeAtMs(record));
  return Math.abs(runtime.now() - newestMs) > GRANT_LIFETIME_MS;
}

/** What is sealed for either is opened; the older may be forgotten first. */
function newestKey(grant: Grant | undefined, record: PublicMailbox | undefined): Uint8Array | undefined {
  if (record === undefined) return grant?.key;
  if (grant !== undefined && grant.receivedAtMs > madeAtMs(record)) return grant.key;
  return decodeBase64url(record.key, "RECORD_INVALID");
}

function madeAtMs({ exp }: PublicMailbox): number {
  return (exp - LIMITS.mailboxRecordMaxLifetimeSeconds) * 1000;
}

function slotsOfGrant({ boxes }: Grant): readonly Slot[] {
  return boxes.filter(({ tokens }) => tokens.length > 0);
}

function slotsOfRecord({ boxes }: PublicMailbox): readonly Slot[] {
  return boxes.map(({ relay, box }) => ({ relay, box: decodeBase64url(box, "RECORD_INVALID"), tokens: null }));
}
