import type { KeyObject } from "node:crypto";
import { encodeCbor } from "./cbor.ts";
import { publicKeyObject, signWithDomain, verifyWithDomain } from "./ed25519.ts";
import type { BoxKind } from "./mailbox-frames.ts";
import { SIGNATURE_DOMAINS } from "./protocol.ts";

/*
 * What the owner of a box signs with the box's key. Both are for one relay and one stream, whose `welcome` carries the
 * challenge: heard elsewhere, they are worth nothing.
 */

type Stream = {
  /** The relay's 32-byte public key. */
  readonly relay: Uint8Array;
  /** 32 bytes of the relay's choice. */
  readonly challenge: Uint8Array;
};

export type BoxOpening = Stream & { readonly kind: BoxKind; readonly tokenKey: Uint8Array | null };
export type BoxReceipt = Stream & { readonly box: Uint8Array; readonly places: readonly number[] };

export function signBoxOpening(opening: BoxOpening, boxKey: KeyObject): Uint8Array {
  return signWithDomain(SIGNATURE_DOMAINS.mailboxOpen, openingContent(opening), boxKey);
}

/** @throws ChatError SIGNATURE_INVALID; KEY_INVALID for a box that is no key */
export function verifyBoxOpening(opening: BoxOpening, signature: Uint8Array, box: Uint8Array): void {
  verifyWithDomain(SIGNATURE_DOMAINS.mailboxOpen, openingContent(opening), signature, publicKeyObject(box));
}

export function signBoxReceipt(receipt: BoxReceipt, boxKey: KeyObject): Uint8Array {
  return signWithDomain(SIGNATURE_DOMAINS.mailboxReceipt, receiptContent(receipt), boxKey);
}

/** @throws ChatError SIGNATURE_INVALID; KEY_INVALID for a box that is no key */
export function verifyBoxReceipt(receipt: BoxReceipt, signature: Uint8Array): void {
  verifyWithDomain(SIGNATURE_DOMAINS.mailboxReceipt, receiptContent(receipt), signature, publicKeyObject(receipt.box));
}

function openingContent({ relay, challenge, kind, tokenKey }: BoxOpening): Uint8Array {
  return encodeCbor({ relay, challenge, kind, tokenKey });
}

function receiptContent({ relay, challenge, box, places }: BoxReceipt): Uint8Array {
  return encodeCbor({ relay, challenge, box, places });
}
