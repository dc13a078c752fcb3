import { sign, verify } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hex, utf8 } from "../../shared/bytes.ts";
import {
  assertPublicKey,
  privateKeyObject,
  publicKeyObject,
  publicKeyOfSeed,
  rawPublicKey,
  signWithDomain,
  verifyWithDomain,
} from "../../shared/ed25519.ts";
import { expectError } from "../support/expect-error.ts";
import { raiseS, SMALL_ORDER_OR_NOT_CANONICAL } from "../support/forged-ed25519.ts";
import { keyOf } from "../support/people.ts";
import { isSoundPublicKey } from "../support/slow-ed25519.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

/** RFC 8032 7.1: seed, public key, message, signature. */
const RFC_8032 = [
  [
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  ],
  [
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "72",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  ],
  [
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    "af82",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  ],
] as const;

describe("Ed25519", () => {
  test.each(RFC_8032)("agrees with RFC 8032 on seed %s", (seed, publicKey, message, signature) => {
    const key = privateKeyObject(bytes(seed));
    expect(hex(publicKeyOfSeed(bytes(seed)))).toBe(publicKey);
    expect(hex(rawPublicKey(key))).toBe(publicKey);
    expect(hex(sign(null, bytes(message), key))).toBe(signature);
    expect(verify(null, bytes(message), publicKeyObject(bytes(publicKey)), bytes(signature))).toBe(true);
  });

  test.each(SMALL_ORDER_OR_NOT_CANONICAL)("refuses the public key %s", async (encoding) => {
    await expectError(() => assertPublicKey(bytes(encoding)), "KEY_INVALID");
    await expectError(() => publicKeyObject(bytes(encoding)), "KEY_INVALID");
  });

  test("refuses every y from p to 2^255 - 1", async () => {
    for (let low = 0xed; low <= 0xff; low++) {
      const encoding = bytes(`${low.toString(16)}${"ff".repeat(30)}7f`);
      await expectError(() => assertPublicKey(encoding), "KEY_INVALID");
    }
  });

  test("refuses a y that no point has", async () => {
    await expectError(() => assertPublicKey(bytes(`02${"00".repeat(31)}`)), "KEY_INVALID");
  });

  test.each([0, 31, 33])("refuses a key of %i bytes", async (length) => {
    await expectError(() => assertPublicKey(new Uint8Array(length).fill(9)), "KEY_INVALID");
    await expectError(() => privateKeyObject(new Uint8Array(length)), "KEY_INVALID");
  });

  test("takes and refuses what the slow way of RFC 8032 takes and refuses", () => {
    const accepted = { yes: 0, no: 0 };
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (encoding) => {
        const isSound = isSoundPublicKey(encoding);
        accepted[isSound ? "yes" : "no"] += 1;
        if (isSound) assertPublicKey(encoding);
        else expect(() => assertPublicKey(encoding)).toThrow("not an acceptable");
      }),
      { numRuns: 500 },
    );
    expect(Math.min(accepted.yes, accepted.no)).toBeGreaterThan(50);
    for (const encoding of SMALL_ORDER_OR_NOT_CANONICAL) expect(isSoundPublicKey(bytes(encoding))).toBe(false);
  });

  test("accepts the key of any seed, again and again", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
        const publicKey = publicKeyOfSeed(seed);
        assertPublicKey(publicKey);
        assertPublicKey(publicKey);
        expect(rawPublicKey(publicKeyObject(publicKey))).toEqual(publicKey);
      }),
      { numRuns: 50 },
    );
  });
});

describe("signatures with a domain", () => {
  const key = keyOf("signer");
  const publicKey = publicKeyObject(rawPublicKey(key));
  const content = utf8("content");
  const signature = signWithDomain("p2pchat/test/1", content, key);

  test("verify in their own domain", () => {
    expect(signature).toHaveLength(64);
    verifyWithDomain("p2pchat/test/1", content, signature, publicKey);
  });

  test("are refused for another domain, content, key or length", async () => {
    const attempts = [
      () => verifyWithDomain("p2pchat/test/2", content, signature, publicKey),
      () => verifyWithDomain("p2pchat/test", utf8("/1content"), signature, publicKey),
      () => verifyWithDomain("p2pchat/test/1", utf8("content "), signature, publicKey),
      () => verifyWithDomain("p2pchat/test/1", content, signature, publicKeyObject(rawPublicKey(keyOf("other")))),
      () => verifyWithDomain("p2pchat/test/1", content, signature.subarray(1), publicKey),
      () => verifyWithDomain("p2pchat/test/1", content, new Uint8Array(), publicKey),
    ];
    for (const attempt of attempts) await expectError(attempt, "SIGNATURE_INVALID");
  });

  test("are refused when S has been raised by the group order", async () => {
    const forged = raiseS(signature);
    await expectError(() => verifyWithDomain("p2pchat/test/1", content, forged, publicKey), "SIGNATURE_INVALID");
  });

  test("are refused when any one bit is flipped", async () => {
    for (let bit = 0; bit < 512; bit++) {
      const flipped = Uint8Array.from(signature);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await expectError(() => verifyWithDomain("p2pchat/test/1", content, flipped, publicKey), "SIGNATURE_INVALID");
    }
  });
});
