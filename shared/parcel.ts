import type { KeyObject } from "node:crypto";
import * as z from "zod";
import { concat } from "./bytes.ts";
import { decodeCbor, decodeVersioned, encodeCbor } from "./cbor.ts";
import { type DeviceId, deviceIdOf, publicKeyOfDevice } from "./device-id.ts";
import { ED25519, publicKeyObject, signWithDomain, verifyWithDomain } from "./ed25519.ts";
import { ChatError } from "./errors.ts";
import { pad, unpad } from "./padding.ts";
import { LIMITS, PARCEL_BUCKETS, PROTOCOL_VERSION, SIGNATURE_DOMAINS } from "./protocol.ts";
import { bytes, bytesOf } from "./schemas.ts";

/*
 * What a mailbox keeps for a device that is away: frames of the message protocol, signed by the device that sends them,
 * padded, and sealed for the device that is to read them. PROTOCOL.md 8.
 */

/** What sealing adds: X-Wing's ciphertext and the tag of AES-256-GCM. */
export const PARCEL_SEAL_BYTES = 1120 + 16;

const PADDED_SIZES = PARCEL_BUCKETS.map((size) => size - PARCEL_SEAL_BYTES);

/** What frames may take up in one parcel, the bytes by which CBOR wraps each included. */
export const PARCEL_MAX_FRAME_BYTES = (PADDED_SIZES.at(-1) ?? 0) - 256;

/** What CBOR adds to a frame in a parcel, at most. */
export const PARCEL_FRAME_OVERHEAD = 5;

const contentSchema = z.strictObject({
  v: z.literal(PROTOCOL_VERSION),
  from: bytesOf(ED25519.publicKeyBytes),
  frames: z.array(bytes).min(1).max(LIMITS.parcelMaxFrames),
});

const signedSchema = z.strictObject({ content: bytes, signature: bytesOf(ED25519.signatureBytes) });

export type Parcel = { readonly from: DeviceId; readonly frames: readonly Uint8Array[] };

/** Signs and pads frames for one device. @throws ChatError MESSAGE_TOO_LARGE */
export function encodeParcel({ from, frames }: Parcel, to: DeviceId, deviceKey: KeyObject): Uint8Array {
  const content = encodeCbor({ v: PROTOCOL_VERSION, from: publicKeyOfDevice(from), frames });
  const signature = signWithDomain(SIGNATURE_DOMAINS.parcel, signedContent(to, content), deviceKey);
  return pad(encodeCbor({ content, signature }), PADDED_SIZES);
}

/**
 * Reads an opened parcel, and checks that the device it names has signed it for this one.
 *
 * @throws ChatError ENVELOPE_INVALID with reason `padding`, `cbor`, `schema`, `signature`; KEY_INVALID;
 *   VERSION_UNSUPPORTED
 */
export function decodeParcel(padded: Uint8Array, to: DeviceId): Parcel {
  const { content, signature } = decodeCbor(signedSchema, unpad(padded, PADDED_SIZES), "ENVELOPE_INVALID");
  const { from, frames } = decodeVersioned(contentSchema, content, "ENVELOPE_INVALID");
  try {
    verifyWithDomain(SIGNATURE_DOMAINS.parcel, signedContent(to, content), signature, publicKeyObject(from));
  } catch (cause) {
    throw new ChatError("ENVELOPE_INVALID", "the parcel's signature does not verify", { reason: "signature", cause });
  }
  return { from: deviceIdOf(from), frames };
}

/** The recipient is signed too: nobody can hand a parcel on as one for another. */
function signedContent(to: DeviceId, content: Uint8Array): Uint8Array {
  return concat(publicKeyOfDevice(to), content);
}
