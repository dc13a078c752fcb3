import { createHmac } from "node:crypto";
import { concat } from "../../shared/bytes.ts";

/** An HKDF (RFC 5869), with its HPKE code point (RFC 9180 7.2). */
export type Kdf = { readonly id: number; readonly hash: "sha256" | "sha512"; readonly size: number };

export const HKDF_SHA512: Kdf = { id: 0x0003, hash: "sha512", size: 64 };

export function hmac(kdf: Kdf, key: Uint8Array, content: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac(kdf.hash, key).update(content).digest());
}

export function extract(kdf: Kdf, salt: Uint8Array, inputKey: Uint8Array): Uint8Array {
  return hmac(kdf, salt, inputKey);
}

/** One block of output, which is all that HPKE and MLS ever ask for here. @throws RangeError for more than one */
export function expand(kdf: Kdf, pseudorandomKey: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  if (length > kdf.size) throw new RangeError(`HKDF of ${length} bytes takes more than one block`);
  return hmac(kdf, pseudorandomKey, concat(info, Uint8Array.of(1))).subarray(0, length);
}
