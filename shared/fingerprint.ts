import { hex } from "./bytes.ts";
import { sha256 } from "./hash.ts";

/**
 * The one text form of an identity key for people: SHA-256 of its 32 raw bytes, 16 groups of four lower-case hex digits.
 *
 * @see PROTOCOL.md 2.4
 */
export function fingerprintOf(identity: Uint8Array): string {
  return hex(sha256(identity)).replace(/.{4}(?!$)/g, "$& ");
}
