import { concat, utf8 } from "../../shared/bytes.ts";
import { type AeadInput, openAesGcm, sealAesGcm } from "./aes-gcm.ts";
import { expand, extract, type Kdf } from "./hkdf.ts";

/*
 * HPKE in base mode, one message per key (RFC 9180 5.1, 6.1). MLS needs no other mode: its own signatures say who sent.
 */

/** A key encapsulation mechanism over raw keys. */
export type Kem = {
  /** RFC 9180 7.1 */
  readonly id: number;
  encapsulate(
    publicKey: Uint8Array,
    randomBytes: (length: number) => Uint8Array,
  ): { readonly sharedSecret: Uint8Array; readonly encapsulated: Uint8Array };
  decapsulate(secretKey: Uint8Array, encapsulated: Uint8Array): Uint8Array;
};

export type Aead = { readonly id: number; readonly keyBytes: number; readonly nonceBytes: number };

export const AES_256_GCM: Aead = { id: 0x0002, keyBytes: 32, nonceBytes: 12 };

export type HpkeSuite = { readonly kem: Kem; readonly kdf: Kdf; readonly aead: Aead };

/** What is bound to a ciphertext: `info` through the key, `aad` through the tag. */
export type HpkeBinding = { readonly info: Uint8Array; readonly aad: Uint8Array };

export type HpkeCiphertext = { readonly encapsulated: Uint8Array; readonly ciphertext: Uint8Array };

export function sealHpke(
  suite: HpkeSuite,
  to: { readonly publicKey: Uint8Array; readonly randomBytes: (length: number) => Uint8Array },
  { info, aad }: HpkeBinding,
  plaintext: Uint8Array,
): HpkeCiphertext {
  const { sharedSecret, encapsulated } = suite.kem.encapsulate(to.publicKey, to.randomBytes);
  const keys = keySchedule(suite, sharedSecret, info);
  const ciphertext = sealAesGcm({ ...keys, aad }, plaintext);
  wipe(sharedSecret, keys);
  return { encapsulated, ciphertext };
}

/** @throws Error when anything is not as it was sealed */
export function openHpke(
  suite: HpkeSuite,
  secretKey: Uint8Array,
  { info, aad }: HpkeBinding,
  { encapsulated, ciphertext }: HpkeCiphertext,
): Uint8Array {
  const sharedSecret = suite.kem.decapsulate(secretKey, encapsulated);
  const keys = keySchedule(suite, sharedSecret, info);
  const plaintext = openAesGcm({ ...keys, aad }, ciphertext);
  wipe(sharedSecret, keys);
  return plaintext;
}

/** KeySchedule of RFC 9180 5.1 in mode_base, for the message with sequence number 0. */
export function keySchedule(
  { kem, kdf, aead }: HpkeSuite,
  sharedSecret: Uint8Array,
  info: Uint8Array,
): Omit<AeadInput, "aad"> {
  const labels = labelled(kdf, concat(utf8("HPKE"), uint16(kem.id), uint16(kdf.id), uint16(aead.id)));
  const none = new Uint8Array();
  const context = concat(
    Uint8Array.of(0x00),
    labels.extract(none, "psk_id_hash", none),
    labels.extract(none, "info_hash", info),
  );
  const secret = labels.extract(sharedSecret, "secret", none);
  const key = labels.expand(secret, "key", context, aead.keyBytes);
  const nonce = labels.expand(secret, "base_nonce", context, aead.nonceBytes);
  secret.fill(0);
  return { key, nonce };
}

/** LabeledExtract and LabeledExpand of RFC 9180 4. */
export function labelled(kdf: Kdf, suiteId: Uint8Array) {
  const version = utf8("HPKE-v1");
  return {
    extract(salt: Uint8Array, label: string, inputKey: Uint8Array): Uint8Array {
      return extract(kdf, salt, concat(version, suiteId, utf8(label), inputKey));
    },
    expand(pseudorandomKey: Uint8Array, label: string, info: Uint8Array, length: number): Uint8Array {
      return expand(kdf, pseudorandomKey, concat(uint16(length), version, suiteId, utf8(label), info), length);
    },
  };
}

function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}

function wipe(sharedSecret: Uint8Array, keys: Omit<AeadInput, "aad">): void {
  for (const secret of [sharedSecret, keys.key, keys.nonce]) secret.fill(0);
}
