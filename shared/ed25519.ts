import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { ChatError } from "./errors.ts";
import { remember } from "./remember.ts";

/** Raw encodings of RFC 8032: public key 32 bytes (little-endian y, sign of x on top), seed 32, signature 64. */
export const ED25519 = { publicKeyBytes: 32, seedBytes: 32, signatureBytes: 64 } as const;

const P = 2n ** 255n - 19n;
/** -121665/121666 modulo P, RFC 8032 5.1. */
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
const ORDER_8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022n;

/** The y of the eight points of small order: one and its negative, zero, and two of order 8 each. */
const SMALL_ORDER: ReadonlySet<bigint> = new Set([1n, P - 1n, 0n, ORDER_8, P - ORDER_8]);

/** y, the sign of x left out. RFC 8032 5.1.3. */
function readY(publicKey: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(publicKey).reverse().toString("hex")}`) & (2n ** 255n - 1n);
}

/** Whether x^2 = (y^2 - 1) / (d y^2 + 1) has a root: as the denominator is never zero, whether the product is a square. */
function isOnCurve(y: bigint): boolean {
  const ySquared = (y * y) % P;
  return jacobi(((ySquared + P - 1n) * (D * ySquared + 1n)) % P, P) === 1;
}

/** The Jacobi symbol, by reciprocity: cheaper than raising to (P - 1) / 2. */
function jacobi(numerator: bigint, modulus: bigint): number {
  let [a, n, symbol] = [numerator, modulus, 1];
  while (a !== 0n) {
    while ((a & 1n) === 0n) {
      a >>= 1n;
      const rest = n & 7n;
      if (rest === 3n || rest === 5n) symbol = -symbol;
    }
    if ((a & 3n) === 3n && (n & 3n) === 3n) symbol = -symbol;
    [a, n] = [n % a, a];
  }
  return n === 1n ? symbol : 0;
}

/**
 * Refuses what verifiers disagree on: encodings with y >= p, points off the curve, and the eight points of small order,
 * for which a signature can be made without a key.
 *
 * @throws ChatError KEY_INVALID
 * @see RFC 8032 5.1.3
 */
export function assertPublicKey(publicKey: Uint8Array): void {
  publicKeyObject(publicKey);
}

const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/** @throws ChatError KEY_INVALID */
export function publicKeyObject(publicKey: Uint8Array): KeyObject {
  return importPublicKey(Buffer.from(publicKey).toString("latin1"));
}

/** The same few keys verify message after message; checking and importing one costs as much as a signature. */
const importPublicKey = remember(4096, (latin1): KeyObject => {
  const publicKey = Buffer.from(latin1, "latin1");
  checkPublicKey(publicKey);
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: "der", type: "spki" });
});

function checkPublicKey(publicKey: Uint8Array): void {
  const refuse = (why: string) => new ChatError("KEY_INVALID", `not an acceptable Ed25519 public key: ${why}`);
  if (publicKey.length !== ED25519.publicKeyBytes) throw refuse(`${publicKey.length} bytes instead of 32`);
  const y = readY(publicKey);
  if (SMALL_ORDER.has(y)) throw refuse("small order");
  if (y >= P || !isOnCurve(y)) throw refuse("not the canonical encoding of a curve point");
}

/** @param seed 32 secret bytes (RFC 8032 5.1.5) */
export function privateKeyObject(seed: Uint8Array): KeyObject {
  if (seed.length !== ED25519.seedBytes) throw new ChatError("KEY_INVALID", "an Ed25519 seed has 32 bytes");
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: "der", type: "pkcs8" });
}

/** The raw 32 bytes of a public key, from either half of the pair. */
export function rawPublicKey(key: KeyObject): Uint8Array {
  const half = key.type === "private" ? createPublicKey(key) : key;
  return new Uint8Array(half.export({ format: "der", type: "spki" }).subarray(SPKI_PREFIX.length));
}

export function publicKeyOfSeed(seed: Uint8Array): Uint8Array {
  return rawPublicKey(privateKeyObject(seed));
}

/** A 64-byte signature over `domain || 0x00 || content`; the domain is one of `SIGNATURE_DOMAINS`. */
export function signWithDomain(domain: string, content: Uint8Array, key: KeyObject): Uint8Array {
  return new Uint8Array(sign(null, domainInput(domain, content), key));
}

/** @throws ChatError SIGNATURE_INVALID */
export function verifyWithDomain(domain: string, content: Uint8Array, signature: Uint8Array, key: KeyObject): void {
  const fits = signature.length === ED25519.signatureBytes;
  if (!fits || !verify(null, domainInput(domain, content), key, signature)) {
    throw new ChatError("SIGNATURE_INVALID", `the signature of this ${domain} does not verify`);
  }
}

function domainInput(domain: string, content: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(domain, "latin1"), Buffer.of(0), content]);
}
