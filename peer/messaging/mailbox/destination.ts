import { decodeBase64url } from "../../../shared/base64url.ts";
import type { DeviceId } from "../../../shared/device-id.ts";
import type { Store } from "../store.ts";

/** A box that a parcel may be left in; `tokens` is null where none are needed, in a box for everybody. */
export type Slot = {
  readonly relay: string;
  readonly box: Uint8Array;
  readonly tokens: readonly Uint8Array[] | null;
};

/** Where parcels for a device go, and the key that they are sealed for. */
export type Destination = { readonly key: Uint8Array; readonly slots: readonly Slot[] };

/** Undefined for a device without a mailbox that is known here. */
export function findDestination({ mailbox, contacts }: Store, device: DeviceId): Destination | undefined {
  const grant = mailbox.grantOf(device);
  const open = contacts.findByDevice(device)?.mailboxes[device];
  const key = grant?.key ?? (open && decodeBase64url(open.key, "RECORD_INVALID"));
  if (key === undefined) return undefined;
  const granted = (grant?.boxes ?? []).filter(({ tokens }) => tokens.length > 0);
  // The box for everybody is small, and there for people who have no other.
  if (granted.length > 0) return { key, slots: granted };
  const forAll = (open?.boxes ?? []).map(({ relay, box }) => ({
    relay,
    box: decodeBase64url(box, "RECORD_INVALID"),
    tokens: null,
  }));
  return forAll.length === 0 ? undefined : { key, slots: forAll };
}
