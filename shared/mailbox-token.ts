import { createHmac, timingSafeEqual } from "node:crypto";
import { concat } from "./bytes.ts";
import { ChatError } from "./errors.ts";

/** A token is nonce and MAC; `key` is what the owner of a box gives to the relay, and to nobody else. */
export const MAILBOX_TOKEN = { keyBytes: 32, nonceBytes: 16, macBytes: 16, bytes: 32 } as const;

/**
 * The right to leave one parcel in a box of one's contacts, made by the owner of the box.
 *
 * @param nonce  16 random bytes, never used before
 * @see PROTOCOL.md 9.2
 */
export function makeToken(tokenKey: Uint8Array, nonce: Uint8Array): Uint8Array {
  return concat(nonce, macOf(tokenKey, nonce));
}

/** @throws ChatError TOKEN_INVALID (reason `mac`) */
export function checkToken(tokenKey: Uint8Array, token: Uint8Array): void {
  const fits = token.length === MAILBOX_TOKEN.bytes;
  if (fits && timingSafeEqual(macOf(tokenKey, nonceOfToken(token)), token.subarray(MAILBOX_TOKEN.nonceBytes))) return;
  throw new ChatError("TOKEN_INVALID", "the owner of this box did not make that token", { reason: "mac" });
}

export function nonceOfToken(token: Uint8Array): Uint8Array {
  return token.subarray(0, MAILBOX_TOKEN.nonceBytes);
}

function macOf(tokenKey: Uint8Array, nonce: Uint8Array): Uint8Array {
  return createHmac("sha256", tokenKey).update(nonce).digest().subarray(0, MAILBOX_TOKEN.macBytes);
}
