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

/** @throws RangeError for more than 255 blocks */
export function expand(kdf: Kdf, pseudorandomKey: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  const blocks = Math.ceil(length / kdf.size);
  if (blocks > 255) throw new RangeError("HKDF gives at most 255 blocks");
  const output = new Uint8Array(blocks * kdf.size);
  let block = new Uint8Array();
  for (let counter = 1; counter <= blocks; counter++) {
    block = new Uint8Array(hmac(kdf, pseudorandomKey, concat(block, info, Uint8Array.of(counter))));
    output.set(block, (counter - 1) * kdf.size);
  }
  return output.slice(0, length);
}
