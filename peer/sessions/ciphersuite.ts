import { hash, type KeyObject, sign, timingSafeEqual, verify } from "node:crypto";
import type { CiphersuiteImpl, CiphersuiteName, Hpke, PrivateKey, PublicKey, Signature } from "ts-mls";
import { privateKeyObject, publicKeyObject, publicKeyOfSeed } from "../../shared/ed25519.ts";
import { ChatError } from "../../shared/errors.ts";
import { openAesGcm, sealAesGcm } from "./aes-gcm.ts";
import { expand, extract, HKDF_SHA512, hmac } from "./hkdf.ts";
import { AES_256_GCM, type HpkeSuite, openHpke, sealHpke } from "./hpke.ts";
import { deriveXWingSeed, X_WING, xWing, xWingPublicKey } from "./x-wing.ts";

export const CIPHERSUITE: CiphersuiteName = "MLS_256_XWING_AES256GCM_SHA512_Ed25519";

export type RandomBytes = (length: number) => Uint8Array;

const HPKE: HpkeSuite = { kem: xWing, kdf: HKDF_SHA512, aead: AES_256_GCM };
const NOTHING = new Uint8Array();

/** The one ciphersuite of sessions, on `node:crypto`: two to three times the speed of the library's own provider. */
export function createCiphersuite(randomBytes: RandomBytes): CiphersuiteImpl {
  return {
    name: CIPHERSUITE,
    rng: { randomBytes },
    signature: ed25519(randomBytes),
    hpke: hpke(randomBytes),
    hash: {
      digest: async (content) => new Uint8Array(hash("sha512", content, "buffer")),
      mac: async (key, content) => hmac(HKDF_SHA512, key, content),
      verifyMac: async (key, mac, content) => {
        const expected = hmac(HKDF_SHA512, key, content);
        return mac.length === expected.length && timingSafeEqual(mac, expected);
      },
    },
    kdf: {
      size: HKDF_SHA512.size,
      extract: async (salt, inputKey) => extract(HKDF_SHA512, salt, inputKey),
      expand: async (key, info, length) => expand(HKDF_SHA512, key, info, length),
    },
  };
}

/** Key objects are kept by the identity of their raw bytes: a session's states hand on the same arrays. */
function ed25519(randomBytes: RandomBytes): Signature {
  const signers = new WeakMap<Uint8Array, KeyObject>();
  const verifiers = new WeakMap<Uint8Array, KeyObject>();
  return {
    async sign(seed, message) {
      return new Uint8Array(sign(null, message, remember(signers, seed, privateKeyObject)));
    },
    async verify(publicKey, message, signature) {
      return verify(null, message, remember(verifiers, publicKey, publicKeyObject), signature);
    },
    async keygen() {
      const signKey = randomBytes(32);
      return { signKey, publicKey: publicKeyOfSeed(signKey) };
    },
  };
}

function remember(known: WeakMap<Uint8Array, KeyObject>, raw: Uint8Array, make: (raw: Uint8Array) => KeyObject) {
  const found = known.get(raw);
  if (found !== undefined) return found;
  const made = make(raw);
  known.set(raw, made);
  return made;
}

function hpke(randomBytes: RandomBytes): Hpke {
  return {
    keyLength: AES_256_GCM.keyBytes,
    nonceLength: AES_256_GCM.nonceBytes,
    async seal(to, plaintext, info, aad = NOTHING) {
      const sealed = sealHpke(HPKE, { publicKey: rawKey(to), randomBytes }, { info, aad }, plaintext);
      return { enc: sealed.encapsulated, ct: sealed.ciphertext };
    },
    async open(secretKey, encapsulated, ciphertext, info, aad = NOTHING) {
      return openHpke(HPKE, rawKey(secretKey), { info, aad }, { encapsulated, ciphertext });
    },
    encryptAead: async (key, nonce, aad = NOTHING, plaintext) => sealAesGcm({ key, nonce, aad }, plaintext),
    decryptAead: async (key, nonce, aad = NOTHING, ciphertext) => openAesGcm({ key, nonce, aad }, ciphertext),
    importPrivateKey: async (raw) => privateKey(raw),
    importPublicKey: async (raw) => publicKey(raw),
    exportPrivateKey: async (key) => rawKey(key),
    exportPublicKey: async (key) => rawKey(key),
    deriveKeyPair: async (inputKey) => keyPair(deriveXWingSeed(inputKey)),
    generateKeyPair: async () => keyPair(randomBytes(X_WING.seedBytes)),
    exportSecret: refuseExternalCommit,
    importSecret: refuseExternalCommit,
  };
}

function keyPair(seed: Uint8Array): { privateKey: PrivateKey; publicKey: PublicKey } {
  return { privateKey: privateKey(seed), publicKey: publicKey(xWingPublicKey(seed)) };
}

/*
 * The library's types say CryptoKey, but it only hands keys back to the provider that made them: here they are the raw
 * bytes.
 */
function publicKey(raw: Uint8Array): PublicKey {
  if (raw.length !== X_WING.publicKeyBytes) throw new RangeError("not an X-Wing public key");
  return raw as unknown as PublicKey;
}

function privateKey(raw: Uint8Array): PrivateKey {
  if (raw.length !== X_WING.seedBytes) throw new RangeError("not an X-Wing seed");
  return raw as unknown as PrivateKey;
}

function rawKey(key: PublicKey | PrivateKey): Uint8Array {
  return key as unknown as Uint8Array;
}

async function refuseExternalCommit(): Promise<never> {
  throw new ChatError("SESSION_INVALID", "sessions know no external commits");
}
