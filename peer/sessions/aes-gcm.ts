import { createCipheriv, createDecipheriv } from "node:crypto";

const TAG_BYTES = 16;

/** AES-GCM of NIST SP 800-38D with a 16-byte tag behind the ciphertext; 16- and 32-byte keys, 12-byte nonces. */
export type AeadInput = { readonly key: Uint8Array; readonly nonce: Uint8Array; readonly aad: Uint8Array };

export function sealAesGcm({ key, nonce, aad }: AeadInput, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv(algorithmOf(key), key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(aad);
  const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
  sealed.set(cipher.update(plaintext));
  cipher.final();
  sealed.set(cipher.getAuthTag(), plaintext.length);
  return sealed;
}

/** @throws Error when the tag does not fit */
export function openAesGcm({ key, nonce, aad }: AeadInput, sealed: Uint8Array): Uint8Array {
  const end = sealed.length - TAG_BYTES;
  if (end < 0) throw new RangeError("shorter than its tag");
  const decipher = createDecipheriv(algorithmOf(key), key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(end));
  const plaintext = new Uint8Array(decipher.update(sealed.subarray(0, end)));
  decipher.final();
  return plaintext;
}

function algorithmOf(key: Uint8Array): "aes-128-gcm" | "aes-256-gcm" {
  return key.length === 16 ? "aes-128-gcm" : "aes-256-gcm";
}
