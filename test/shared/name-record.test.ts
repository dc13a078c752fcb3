import type { KeyObject } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeBase64url } from "../../shared/base64url.ts";
import { deviceIdOf } from "../../shared/device-id.ts";
import { rawPublicKey } from "../../shared/ed25519.ts";
import { isChatError } from "../../shared/errors.ts";
import { signJws } from "../../shared/jws.ts";
import {
  type NameRecord,
  parseNameRecord,
  recoveryHash,
  verifySelfSigned,
  verifySuccession,
} from "../../shared/name-record.ts";
import { JWS_TYPES } from "../../shared/protocol.ts";
import { expectError } from "../support/expect-error.ts";
import {
  addressRecordOf,
  chainOf,
  keyOf,
  NOW_SECONDS,
  personOf,
  recordOf,
  recordTextOf,
  rotate,
} from "../support/people.ts";

const bob = personOf("bob");
const bobAgain = personOf("bob", { identity: "bob second identity" });
const mallory = personOf("bob", { identity: "mallory", device: "mallory device" });
const first = await recordOf(bob);

/** The same payload with some members put differently, signed anew by the same key. */
async function altered(
  change: Record<string, unknown>,
  options: { key?: KeyObject; typ?: string; kid?: string; of?: NameRecord } = {},
): Promise<string> {
  const { key = bob.identityKey, typ = JWS_TYPES.nameRecord, kid, of = first } = options;
  return signJws({ ...of.payload, ...change }, { typ, key, ...(kid === undefined ? {} : { kid }) });
}

describe("a name record", () => {
  test("says what was signed", async () => {
    expect(first).toMatchObject({
      payload: { v: 1, name: "bob", seq: 1, prev: null, aud: bob.aud, iat: NOW_SECONDS, recovery: null },
      identity: bob.identity,
      devices: [bob.device],
    });
    await verifySelfSigned(first);
  });

  test("is the same text for the same facts", async () => {
    expect(await recordTextOf(bob)).toBe(first.jws.text);
  });

  test("is refused after any change of one character", async () => {
    const { text } = first.jws;
    const places = fc.integer({ min: 0, max: text.length - 1 });
    const characters = fc.oneof(
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
      fc.base64String({ minLength: 4 }),
    );
    await fc.assert(
      fc.asyncProperty(places, characters, async (place, other) => {
        const character = other.charAt(0);
        fc.pre(character !== text.charAt(place));
        const mutated = text.slice(0, place) + character + text.slice(place + 1);
        const outcome = await read(mutated);
        expect(isChatError(outcome, "RECORD_INVALID", "SIGNATURE_INVALID", "KEY_INVALID")).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  test.each([
    ["an unknown member", { verified: true }],
    ["another version", { v: 2 }],
    ["no name", { name: undefined }],
    ["a name that is none", { name: "Bob" }],
    ["a reserved name", { name: "admin" }],
    ["sequence 0", { seq: 0 }],
    ["a sequence that no number holds", { seq: 1e21 }],
    ["a broken sequence", { seq: 1.5 }],
    ["a sequence as text", { seq: "1" }],
    ["a predecessor on the first record", { prev: encodeBase64url(new Uint8Array(32)) }],
    ["no predecessor on the second record", { seq: 2 }],
    ["a rotation on the first record", { proof: encodeBase64url(new Uint8Array(64)) }],
    ["a recovery key without a rotation", { recoveryKey: first.payload.identity }],
    ["no devices", { devices: [] }],
    ["one device twice", { devices: [first.payload.devices[0], first.payload.devices[0]] }],
    ["an unknown member in a device", { devices: [{ ...first.payload.devices[0], admin: true }] }],
    ["a short identity key", { identity: encodeBase64url(new Uint8Array(31)) }],
    ["a list of audiences", { aud: [bob.aud, "https://evil.example"] }],
    ["a time after the year 9999", { iat: 253_402_300_800 }],
    ["a negative time", { iat: -1 }],
  ])("is refused with %s", async (_, change) => {
    const text = await altered(change);
    await expectError(() => parseNameRecord(text), "RECORD_INVALID", "payload");
  });

  test.each([`${bob.aud}/`, "names"])(
    "is refused with %j as audience, in a way that servers tell apart",
    async (aud) => {
      const text = await altered({ aud });
      await expectError(() => parseNameRecord(text), "RECORD_INVALID", "aud");
    },
  );

  test("is refused with nine devices, accepted with eight", async () => {
    const devices = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ key: keyOf(`device ${index}`), addedAt: NOW_SECONDS }));
    const eight = await recordTextOf(bob, { devices: devices(8) });
    expect(eight.length).toBeLessThanOrEqual(4096);
    expect(parseNameRecord(eight).devices).toHaveLength(8);
    const nine = await recordTextOf(bob, { devices: devices(9) });
    const error = await expectError(() => parseNameRecord(nine), "RECORD_INVALID");
    expect(["size", "payload"]).toContain(error.reason);
  });

  test.each(["00".repeat(32), `01${"00".repeat(31)}`, `ed${"ff".repeat(30)}7f`])(
    "is refused with the identity key %s",
    async (hex) => {
      const text = await altered({ identity: Buffer.from(hex, "hex").toString("base64url") });
      await expectError(() => parseNameRecord(text), "KEY_INVALID");
    },
  );

  test("is refused when it lists a device with another key", async () => {
    const [device] = first.payload.devices;
    const text = await altered({ devices: [{ ...device, id: mallory.device }] });
    await expectError(() => parseNameRecord(text), "RECORD_INVALID", "device");
  });

  test("is refused when it lists a device that did not agree", async () => {
    const [device] = first.payload.devices;
    const [foreign] = (await recordOf(personOf("carol"))).payload.devices;
    const signature = encodeBase64url(new Uint8Array(64));
    for (const listed of [foreign, { ...device, proof: signature }]) {
      const text = await altered({ devices: [listed] });
      await expectError(() => parseNameRecord(text), "RECORD_INVALID", "proof");
    }
  });

  test.each([
    ["another name", { name: "bobby" }],
    ["another server", { aud: "https://other.example" }],
    ["another identity key", { identity: mallory.identity }],
  ])("does not carry a device's agreement over to %s", async (_, change) => {
    const identity = "identity" in change ? encodeBase64url(change.identity) : first.payload.identity;
    const text = await altered({ ...change, identity });
    await expectError(() => parseNameRecord(text), "RECORD_INVALID", "proof");
  });

  test("is refused with a key id in its header", async () => {
    const text = await altered({}, { kid: bob.device });
    await expectError(() => parseNameRecord(text), "RECORD_INVALID", "header");
  });

  test("is not an address record, an assertion or a token, nor they a name record", async () => {
    for (const typ of [JWS_TYPES.addressRecord, JWS_TYPES.assertion, JWS_TYPES.accessToken]) {
      const text = await altered({}, { typ });
      await expectError(() => parseNameRecord(text), "RECORD_INVALID", "typ");
    }
    const address = await addressRecordOf(bob);
    await expectError(() => parseNameRecord(address), "RECORD_INVALID", "typ");
  });

  test("is refused over 4 KiB", async () => {
    await expectError(() => parseNameRecord("a".repeat(4097)), "RECORD_INVALID", "size");
  });

  test("is not self-signed by another key", async () => {
    const forged = parseNameRecord(await altered({}, { key: mallory.identityKey }));
    await expectError(verifySelfSigned(forged), "SIGNATURE_INVALID");
  });

  async function read(text: string): Promise<unknown> {
    try {
      await verifySelfSigned(parseNameRecord(text));
      return "accepted";
    } catch (error) {
      return error;
    }
  }
});

describe("succession", () => {
  test("follows the same key from record to record", async () => {
    const [one, two, three] = await chainOf(bob, 3);
    if (two === undefined || three === undefined) throw new Error("a chain of three");
    await verifySuccession(one, two);
    await verifySuccession(two, three);
    await expectError(verifySuccession(one, three), "RECORD_CONFLICT");
    await expectError(verifySuccession(two, one), "RECORD_CONFLICT");
    await expectError(verifySuccession(one, one), "RECORD_CONFLICT");
  });

  test("follows a new device", async () => {
    const devices = [bob.deviceKey, keyOf("laptop")].map((key) => ({ key, addedAt: NOW_SECONDS }));
    const next = await recordOf(bob, { previous: first, devices });
    await verifySuccession(first, next);
    expect(next.devices).toEqual([bob.device, deviceIdOf(rawPublicKey(keyOf("laptop")))]);
  });

  test("refuses a successor of another record of the same sequence", async () => {
    const other = await recordOf(bob, { iat: NOW_SECONDS + 1 });
    const next = await recordOf(bob, { previous: other });
    await expectError(verifySuccession(first, next), "RECORD_CONFLICT");
  });

  test("refuses another name and another server", async () => {
    const carol = await recordOf(personOf("carol", { identity: "bob identity" }), { previous: first });
    await expectError(verifySuccession(first, carol), "RECORD_INVALID", "name");
    const elsewhere = await recordOf(personOf("bob", { aud: "https://other.example" }), { previous: first });
    await expectError(verifySuccession(first, elsewhere), "RECORD_INVALID", "name");
  });

  test("follows a rotation that the previous key signs", async () => {
    const rotated = await rotate(bob, first, bobAgain);
    await verifySuccession(first, rotated);
    expect(rotated.identity).toEqual(bobAgain.identity);
    await expectError(verifySelfSigned(rotated), "RECORD_INVALID", "rotation");
  });

  test("refuses a new key that signs itself in", async () => {
    const next = await recordOf(mallory, { previous: first });
    await expectError(verifySuccession(first, next), "RECORD_INVALID", "rotation");
  });

  test("refuses a rotation that only the new key signs", async () => {
    const rotation = { signer: mallory.identityKey, isRecoveryKey: false };
    const next = await recordOf(mallory, { previous: first, rotation });
    await expectError(verifySuccession(first, next), "SIGNATURE_INVALID");
  });

  test("refuses a rotation to the key that is there already", async () => {
    const rotation = { signer: bob.identityKey, isRecoveryKey: false };
    const next = await recordOf(bob, { previous: first, rotation });
    await expectError(verifySuccession(first, next), "RECORD_INVALID", "rotation");
  });

  test("refuses a rotation whose new key did not agree", async () => {
    const rotated = await rotate(bob, first, bobAgain);
    const text = await altered({ proof: encodeBase64url(new Uint8Array(64)) }, { of: rotated });
    await expectError(() => parseNameRecord(text), "RECORD_INVALID", "proof");
  });

  describe("by recovery key", () => {
    const recoveryKey = keyOf("recovery");
    const recovery = recoveryHash(rawPublicKey(recoveryKey));

    test("follows a rotation that it signs, where the predecessor holds its hash", async () => {
      const committed = await recordOf(bob, { recovery });
      const rotation = { signer: recoveryKey, isRecoveryKey: true };
      await verifySuccession(committed, await recordOf(bobAgain, { previous: committed, rotation }));
    });

    test("refuses it where the predecessor holds none, or another's", async () => {
      const rotation = { signer: recoveryKey, isRecoveryKey: true };
      const others = [first, await recordOf(bob, { recovery: recoveryHash(mallory.identity) })];
      for (const previous of others) {
        const next = await recordOf(bobAgain, { previous, rotation });
        await expectError(verifySuccession(previous, next), "RECORD_INVALID", "recovery");
      }
    });

    test("refuses a rotation that names it but is signed by another key", async () => {
      const committed = await recordOf(bob, { recovery });
      const sound = await recordOf(bobAgain, {
        previous: committed,
        rotation: { signer: recoveryKey, isRecoveryKey: true },
      });
      const forged = parseNameRecord(await altered({}, { key: mallory.identityKey, of: sound }));
      await expectError(verifySuccession(committed, forged), "SIGNATURE_INVALID");
    });
  });
});
