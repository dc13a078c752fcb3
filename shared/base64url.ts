import { ChatError, type ErrorCode } from "./errors.ts";

export function encodeBase64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64url");
}

/**
 * Decodes the one canonical spelling: no padding, no other alphabet, unused bits zero (RFC 4648 3.5).
 *
 * @throws ChatError `code`
 */
export function decodeBase64url(text: string, code: ErrorCode = "REQUEST_INVALID"): Uint8Array {
  const bytes = Buffer.from(text, "base64url");
  if (bytes.toString("base64url") !== text) throw new ChatError(code, "not canonical base64url without padding");
  return new Uint8Array(bytes);
}

/** True for the canonical base64url of exactly `length` bytes. */
export function isBase64urlOf(text: string, length: number): boolean {
  const bytes = Buffer.from(text, "base64url");
  return bytes.length === length && bytes.toString("base64url") === text;
}
