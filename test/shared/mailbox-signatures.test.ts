import { describe, expect, test } from "vitest";
import { encodeCbor } from "../../shared/cbor.ts";
import { privateKeyObject, rawPublicKey, signWithDomain } from "../../shared/ed25519.ts";
import {
  type BoxOpening,
  type BoxReceipt,
  signBoxOpening,
  signBoxReceipt,
  verifyBoxOpening,
  verifyBoxReceipt,
} from "../../shared/mailbox-signatures.ts";
import { SIGNATURE_DOMAINS } from "../../shared/protocol.ts";
import { expectError } from "../support/expect-error.ts";

const fill = (byte: number) => new Uint8Array(32).fill(byte);
const [boxKey, otherKey] = [privateKeyObject(fill(1)), privateKeyObject(fill(2))];
const [box, otherBox] = [rawPublicKey(boxKey), rawPublicKey(otherKey)];
const stream = { relay: fill(3), challenge: fill(4) };
const opening: BoxOpening = { ...stream, kind: "contacts", tokenKey: fill(5) };
const receipt: BoxReceipt = { ...stream, box, places: [1, 2, 9] };

describe("the signature under the opening of a box", () => {
  const signature = signBoxOpening(opening, boxKey);

  test("verifies for what it opens", () => {
    expect(() => verifyBoxOpening(opening, signature, box)).not.toThrow();
  });

  const others: [string, BoxOpening][] = [
    ["another relay", { ...opening, relay: fill(9) }],
    ["another stream", { ...opening, challenge: fill(9) }],
    ["another kind", { ...opening, kind: "requests" }],
    ["another token key", { ...opening, tokenKey: fill(9) }],
    ["no token key", { ...opening, tokenKey: null }],
  ];
  test.each(others)("does not verify for %s", async (_, other) => {
    await expectError(() => verifyBoxOpening(other, signature, box), "SIGNATURE_INVALID");
  });

  test("does not verify for another box, nor for one that is no key", async () => {
    await expectError(() => verifyBoxOpening(opening, signature, otherBox), "SIGNATURE_INVALID");
    await expectError(() => verifyBoxOpening(opening, signature, fill(0)), "KEY_INVALID");
  });
});

describe("the signature under a receipt", () => {
  const signature = signBoxReceipt(receipt, boxKey);

  test("verifies for what it deletes", () => {
    expect(() => verifyBoxReceipt(receipt, signature)).not.toThrow();
  });

  const others: [string, BoxReceipt][] = [
    ["another relay", { ...receipt, relay: fill(9) }],
    ["another stream", { ...receipt, challenge: fill(9) }],
    ["another box", { ...receipt, box: otherBox }],
    ["another place", { ...receipt, places: [1, 2, 8] }],
    ["a place more", { ...receipt, places: [1, 2, 9, 10] }],
    ["the same places in another order", { ...receipt, places: [2, 1, 9] }],
  ];
  test.each(others)("does not verify for %s", async (_, other) => {
    await expectError(() => verifyBoxReceipt(other, signature), "SIGNATURE_INVALID");
  });

  test("is not taken from the domain of an opening", async () => {
    const content = encodeCbor({ ...stream, box, places: receipt.places });
    const elsewhere = signWithDomain(SIGNATURE_DOMAINS.mailboxOpen, content, boxKey);
    await expectError(() => verifyBoxReceipt(receipt, elsewhere), "SIGNATURE_INVALID");
  });
});
