import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { ChatError } from "./errors.ts";
import { remember } from "./remember.ts";

/** Raw encodings of RFC 8032: public key 32 bytes (little-endian y, sign of x on top), seed 32, signature 64. */
export const ED25519 = { publicKeyBytes: 32, seedBytes: 32, signatureBytes: 64 } as const;

const P = 2n ** 255n - 19n;
const D = mod(-121665n * power(121666n, P - 2n));
const SQRT_MINUS_ONE = power(2n, (P - 1n) / 4n);

function mod(value: bigint): bigint {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = mod(base), rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}

/** Affine coordinates of an encoding with y below `P`, or undefined where no curve point has it. RFC 8032 5.1.3. */
function decodePoint(publicKey: Uint8Array): { x: bigint; y: bigint } | undefined {
  const encoded = BigInt(`0x${Buffer.from(publicKey).reverse().toString("hex")}`);
  const y = encoded & (2n ** 255n - 1n);
  const xIsOdd = encoded >> 255n === 1n;
  if (y >= P) return undefined;
  const ySquared = mod(y * y);
  const u = mod(ySquared - 1n);
  const v = mod(D * ySquared + 1n);
  let x = mod(u * power(v, 3n) * power(u * power(v, 7n), (P - 5n) / 8n));
  if (mod(v * x * x) !== u) x = mod(x * SQRT_MINUS_ONE);
  if (mod(v * x * x) !== u) return undefined;
  if (x === 0n && xIsOdd) return undefined;
  return { x: (x & 1n) === (xIsOdd ? 1n : 0n) ? x : P - x, y };
}

/** Doubles in projective coordinates, which spares every inversion. RFC 8032 5.1.4. */
function double({ x, y, z }: { x: bigint; y: bigint; z: bigint }): { x: bigint; y: bigint; z: bigint } {
  const h = mod(x * x + y * y);
  const e = mod(h - (x + y) ** 2n);
  const g = mod(x * x - y * y);
  const f = mod(2n * z * z + g);
  return { x: mod(e * f), y: mod(g * h), z: mod(f * g) };
}

/** True where 8P is the identity. */
function isSmallOrder(point: { x: bigint; y: bigint }): boolean {
  const { x, y, z } = double(double(double({ ...point, z: 1n })));
  return x === 0n && y === z;
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
  const point = decodePoint(publicKey);
  if (point === undefined) throw refuse("not the canonical encoding of a curve point");
  if (isSmallOrder(point)) throw refuse("small order");
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
