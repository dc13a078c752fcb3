import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { parcelSeals } from "../../../peer/sessions/parcel-seal.ts";
import { PARCEL_SEAL_BYTES } from "../../../shared/parcel.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { expectError } from "../../support/expect-error.ts";
import { personOf } from "../../support/people.ts";

const seals = parcelSeals((length) => new Uint8Array(randomBytes(length)));
const [bob, carol] = [personOf("bob"), personOf("carol")];
const seed = new Uint8Array(32).fill(7);
const plaintext = new Uint8Array(912).fill(1);
const sealed = () => seals.seal(seals.publicKey(seed), bob.device, plaintext);

describe("the seal of a parcel", () => {
  test("opens with the seed of the key it was made for, and adds what the format says", () => {
    expect(seals.publicKey(seed)).toHaveLength(LIMITS.sealKeyBytes);
    expect(sealed()).toHaveLength(plaintext.length + PARCEL_SEAL_BYTES);
    expect(seals.open(seed, bob.device, sealed())).toEqual(plaintext);
  });

  test("is another each time", () => {
    expect(sealed()).not.toEqual(sealed());
  });

  test("opens for no other key and no other device", async () => {
    await expectError(() => seals.open(seed.with(0, 8), bob.device, sealed()), "ENVELOPE_INVALID", "seal");
    await expectError(() => seals.open(seed, carol.device, sealed()), "ENVELOPE_INVALID", "seal");
  });

  test.each([0, 1119, 1120, 2047])("does not open with byte %i changed", async (at) => {
    const altered = sealed();
    altered[at] = (altered[at] ?? 0) ^ 1;
    await expectError(() => seals.open(seed, bob.device, altered), "ENVELOPE_INVALID", "seal");
  });

  test.each([0, 100, 1120])("of %i bytes is none", async (length) => {
    await expectError(() => seals.open(seed, bob.device, new Uint8Array(length)), "ENVELOPE_INVALID", "seal");
  });

  test.each([0, 32, 1215, 1217])("is not made for a key of %i bytes", async (length) => {
    await expectError(() => seals.seal(new Uint8Array(length), bob.device, plaintext), "KEY_INVALID");
  });
});
