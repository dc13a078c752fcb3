import type { KeyObject } from "node:crypto";
import { createHash, createPrivateKey, createPublicKey, decapsulate, diffieHellman, encapsulate } from "node:crypto";
import { concat } from "../../shared/bytes.ts";
import type { Kem } from "./hpke.ts";

/*
 * X-Wing: ML-KEM-768 and X25519 as one KEM, broken only when both are (draft-connolly-cfrg-xwing-kem). The secret key is
 * a 32-byte seed; public keys are ML-KEM's 1184 bytes and X25519's 32, ciphertexts 1088 and 32.
 */

export const X_WING = { seedBytes: 32, publicKeyBytes: 1216, ciphertextBytes: 1120 } as const;

const MLKEM_PUBLIC_KEY_BYTES = 1184;
const MLKEM_CIPHERTEXT_BYTES = 1088;
/** `\./` over `/^\`, the six bytes that end the combiner's input. */
const LABEL = Uint8Array.of(0x5c, 0x2e, 0x2f, 0x2f, 0x5e, 0x5c);

const DER = {
  mlkemPublic: Buffer.from("308204b2300b0609608648016503040402038204a100", "hex"),
  mlkemSeed: Buffer.from("3054020100300b060960864801650304040204428040", "hex"),
  x25519Public: Buffer.from("302a300506032b656e032100", "hex"),
  x25519Secret: Buffer.from("302e020100300506032b656e04220420", "hex"),
} as const;

type SecretHalves = { readonly mlkem: KeyObject; readonly x25519: KeyObject };

/** The public key of a 32-byte seed. */
export function xWingPublicKey(seed: Uint8Array): Uint8Array {
  const { mlkem, x25519 } = expandSeed(seed);
  return concat(rawPublic(mlkem, MLKEM_PUBLIC_KEY_BYTES), rawPublic(x25519, 32));
}

/** The seed that HPKE's DeriveKeyPair makes of input keying material: SHAKE-256 of it. */
export function deriveXWingSeed(inputKey: Uint8Array): Uint8Array {
  return shake256(inputKey, X_WING.seedBytes);
}

export const xWing: Kem = {
  id: 0x647a,

  encapsulate(publicKey, randomBytes) {
    assertLength(publicKey, X_WING.publicKeyBytes);
    const mlkem = encapsulate(publicObject(DER.mlkemPublic, publicKey.subarray(0, MLKEM_PUBLIC_KEY_BYTES)));
    const peerX25519 = publicKey.subarray(MLKEM_PUBLIC_KEY_BYTES);
    const ephemeral = secretObject(DER.x25519Secret, randomBytes(32));
    const ciphertext = rawPublic(ephemeral, 32);
    const shared = diffieHellman({ privateKey: ephemeral, publicKey: publicObject(DER.x25519Public, peerX25519) });
    return {
      sharedSecret: combine(mlkem.sharedKey, shared, ciphertext, peerX25519),
      encapsulated: concat(mlkem.ciphertext, ciphertext),
    };
  },

  decapsulate(seed, encapsulated) {
    assertLength(encapsulated, X_WING.ciphertextBytes);
    const { mlkem, x25519 } = expandSeed(seed);
    const ciphertext = encapsulated.subarray(MLKEM_CIPHERTEXT_BYTES);
    const publicKey = publicObject(DER.x25519Public, ciphertext);
    return combine(
      decapsulate(mlkem, encapsulated.subarray(0, MLKEM_CIPHERTEXT_BYTES)),
      diffieHellman({ privateKey: x25519, publicKey }),
      ciphertext,
      rawPublic(x25519, 32),
    );
  },
};

function expandSeed(seed: Uint8Array): SecretHalves {
  assertLength(seed, X_WING.seedBytes);
  const expanded = shake256(seed, 96);
  const halves = {
    mlkem: secretObject(DER.mlkemSeed, expanded.subarray(0, 64)),
    x25519: secretObject(DER.x25519Secret, expanded.subarray(64)),
  };
  expanded.fill(0);
  return halves;
}

function combine(mlkem: Uint8Array, x25519: Uint8Array, ciphertext: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const hash = createHash("sha3-256").update(mlkem).update(x25519).update(ciphertext).update(publicKey);
  mlkem.fill(0);
  x25519.fill(0);
  return new Uint8Array(hash.update(LABEL).digest());
}

function shake256(input: Uint8Array, outputLength: number): Uint8Array {
  return new Uint8Array(createHash("shake256", { outputLength }).update(input).digest());
}

function secretObject(prefix: Uint8Array, raw: Uint8Array): KeyObject {
  const key = Buffer.concat([prefix, raw]);
  const secret = createPrivateKey({ key, format: "der", type: "pkcs8" });
  key.fill(0);
  return secret;
}

function publicObject(prefix: Uint8Array, raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([prefix, raw]), format: "der", type: "spki" });
}

/** The raw key stands at the end of the DER. */
function rawPublic(secret: KeyObject, length: number): Uint8Array {
  return new Uint8Array(createPublicKey(secret).export({ format: "der", type: "spki" }).subarray(-length));
}

function assertLength(bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) throw new RangeError(`${bytes.length} bytes instead of ${length}`);
}
