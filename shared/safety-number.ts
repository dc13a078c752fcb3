import { hash } from "node:crypto";
import { concat, utf8 } from "./bytes.ts";
import { ChatError } from "./errors.ts";
import { HASH_DOMAINS } from "./protocol.ts";
import type { Username } from "./username.ts";

declare const brand: unique symbol;

/** 60 decimal digits that two people compare; the same on both sides. */
export type SafetyNumber = string & { readonly [brand]: "SafetyNumber" };

/** Who stands behind one half of the number; `identity` is the raw key, 32 bytes. */
export type Party = { readonly username: Username; readonly identity: Uint8Array };

/** Makes a search for a second key with the same 100 bits 5200 times dearer; about 10 ms for both halves. */
const ITERATIONS = 5200;
const GROUPS_PER_HALF = 6;
const BYTES_PER_GROUP = 5;
const DIGITS_PER_GROUP = 5;
const DIGITS = 2 * GROUPS_PER_HALF * DIGITS_PER_GROUP;

/**
 * Computes the safety number of two people. A half is the numeric fingerprint of Signal with our domain in place of its
 * version bytes: h = SHA-512(domain || 0x00 || identity || username), then h = SHA-512(h || identity) 5199 times; six
 * times five bytes of it, big-endian, modulo 100 000. The smaller half comes first.
 *
 * @see PROTOCOL.md 2.4
 */
export function safetyNumberOf(one: Party, other: Party): SafetyNumber {
  return [halfOf(one), halfOf(other)].sort().join("") as SafetyNumber;
}

function halfOf({ username, identity }: Party): string {
  let digest = sha512(concat(utf8(HASH_DOMAINS.safetyNumber), Uint8Array.of(0), identity, utf8(username)));
  for (let round = 1; round < ITERATIONS; round++) digest = sha512(Buffer.concat([digest, identity]));
  const groups = Array.from({ length: GROUPS_PER_HALF }, (_, index) =>
    digest.readUIntBE(index * BYTES_PER_GROUP, BYTES_PER_GROUP),
  );
  return groups.map((group) => String(group % 100_000).padStart(DIGITS_PER_GROUP, "0")).join("");
}

const sha512 = (bytes: Uint8Array): Buffer => hash("sha512", bytes, "buffer");

/**
 * Reads what somebody typed or pasted: spaces and line breaks anywhere.
 *
 * @throws ChatError USAGE
 */
export function parseSafetyNumber(typed: string): SafetyNumber {
  const digits = typed.replace(/\s+/g, "");
  if (!/^[0-9]+$/.test(digits) || digits.length !== DIGITS) {
    throw new ChatError("USAGE", `a safety number has ${DIGITS} digits`);
  }
  return digits as SafetyNumber;
}
