import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { HKDF_SHA512, type Kdf } from "../../../peer/sessions/hkdf.ts";
import { AES_256_GCM, type HpkeSuite, keySchedule, openHpke, sealHpke } from "../../../peer/sessions/hpke.ts";
import { xWing, xWingPublicKey } from "../../../peer/sessions/x-wing.ts";

type Vector = Record<"info" | "enc" | "shared_secret" | "key" | "base_nonce", string> &
  Record<"kem_id" | "kdf_id" | "aead_id", number>;
type RfcVector = Vector & { readonly section: string; readonly encryption: Record<"pt" | "aad" | "ct", string> };
type XWingVector = Vector & Record<"skRm" | "pkRm", string>;

const rfc9180 = vectorsOf<RfcVector>("hpke-rfc9180");
const hybrid = vectorsOf<XWingVector>("hpke-x-wing");

function vectorsOf<T>(name: string): T[] {
  return JSON.parse(readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), "utf8")).vectors;
}

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
const hexOf = (view: Uint8Array) => Buffer.from(view).toString("hex");

const KDFS: Record<number, Kdf> = { 1: { id: 1, hash: "sha256", size: 32 }, 3: HKDF_SHA512 };
const AEADS = [{ id: 1, keyBytes: 16, nonceBytes: 12 }, AES_256_GCM, { id: 3, keyBytes: 32, nonceBytes: 12 }];

/** The vector's suite, its KEM reduced to the shared secret that the vector states. */
function suiteOf(vector: Vector): HpkeSuite {
  const sharedSecret = bytes(vector.shared_secret);
  const kdf = KDFS[vector.kdf_id];
  const aead = AEADS.find(({ id }) => id === vector.aead_id);
  if (kdf === undefined || aead === undefined) throw new Error("a vector of an unknown suite");
  const kem = {
    id: vector.kem_id,
    encapsulate: () => ({ sharedSecret: sharedSecret.slice(), encapsulated: bytes(vector.enc) }),
    decapsulate: () => sharedSecret.slice(),
  };
  return { kem, kdf, aead };
}

const PRODUCT: HpkeSuite = { kem: xWing, kdf: HKDF_SHA512, aead: AES_256_GCM };

describe("HPKE", () => {
  test.each(rfc9180)("seals and opens the first message of RFC 9180 $section", (vector) => {
    const suite = suiteOf(vector);
    const binding = { info: bytes(vector.info), aad: bytes(vector.encryption.aad) };
    const to = { publicKey: new Uint8Array(), randomBytes };
    const sealed = sealHpke(suite, to, binding, bytes(vector.encryption.pt));
    expect(hexOf(sealed.ciphertext)).toBe(vector.encryption.ct);
    expect(hexOf(openHpke(suite, new Uint8Array(), binding, sealed))).toBe(vector.encryption.pt);
  });

  test.each([...rfc9180, ...hybrid])("derives key and nonce of KEM $kem_id, KDF $kdf_id, AEAD $aead_id", (vector) => {
    const { key, nonce } = keySchedule(suiteOf(vector), bytes(vector.shared_secret), bytes(vector.info));
    expect(hexOf(key)).toBe(vector.key);
    expect(hexOf(nonce)).toBe(vector.base_nonce);
  });

  test.each(hybrid)("agrees on X-Wing's shared secret with the HPKE working group", ({ skRm, pkRm, ...vector }) => {
    expect(hexOf(xWingPublicKey(bytes(skRm)))).toBe(pkRm);
    expect(hexOf(xWing.decapsulate(bytes(skRm), bytes(vector.enc)))).toBe(vector.shared_secret);
  });

  test("opens nothing when the key, the info, the associated data or a byte differs", () => {
    const seed = new Uint8Array(randomBytes(32));
    const binding = { info: bytes("01"), aad: bytes("02") };
    const sealed = sealHpke(PRODUCT, { publicKey: xWingPublicKey(seed), randomBytes }, binding, bytes("abcd"));
    expect(hexOf(openHpke(PRODUCT, seed, binding, sealed))).toBe("abcd");
    expect(() => openHpke(PRODUCT, new Uint8Array(randomBytes(32)), binding, sealed)).toThrow();
    expect(() => openHpke(PRODUCT, seed, { ...binding, info: bytes("03") }, sealed)).toThrow();
    expect(() => openHpke(PRODUCT, seed, { ...binding, aad: bytes("03") }, sealed)).toThrow();
    const flipped = sealed.ciphertext.map((byte, index) => (index === 0 ? byte ^ 1 : byte));
    expect(() => openHpke(PRODUCT, seed, binding, { ...sealed, ciphertext: flipped })).toThrow();
    expect(() => openHpke(PRODUCT, seed, binding, { ...sealed, ciphertext: bytes("00") })).toThrow(RangeError);
  });
});
