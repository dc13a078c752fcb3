import { decodeBase64url } from "../../../shared/base64url.ts";
import type { DeviceId } from "../../../shared/device-id.ts";
import type { PublicMailbox } from "../ports.ts";
import type { Runtime } from "../runtime.ts";
import type { Grant, Store } from "../store.ts";

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

/** Undefined for a device without a mailbox that is known here. */
export function findDestination({ store, runtime }: DestinationDeps, device: DeviceId): Destination | undefined {
  const grant = store.mailbox.grantOf(device);
  const granted = grant && ofGrant(grant);
  const published = store.contacts.findByDevice(device)?.mailboxes[device];
  const forAll = published && ofRecord(published);
  const isOld = grant !== undefined && Math.abs(runtime.now() - grant.receivedAtMs) > GRANT_LIFETIME_MS;
  // The box for everybody is small, and there for people who have no other that is read.
  return isOld ? (forAll ?? granted) : (granted ?? forAll);
}

function ofGrant({ key, boxes }: Grant): Destination | undefined {
  const slots = boxes.filter(({ tokens }) => tokens.length > 0);
  return slots.length === 0 ? undefined : { key, slots };
}

function ofRecord({ key, boxes }: PublicMailbox): Destination | undefined {
  const slots = boxes.map(({ relay, box }) => ({ relay, box: decodeBase64url(box, "RECORD_INVALID"), tokens: null }));
  return slots.length === 0 ? undefined : { key: decodeBase64url(key, "RECORD_INVALID"), slots };
}
