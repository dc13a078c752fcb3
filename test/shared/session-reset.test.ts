import { describe, expect, test } from "vitest";
import { concat } from "../../shared/bytes.ts";
import { publicKeyOfDevice } from "../../shared/device-id.ts";
import { signWithDomain } from "../../shared/ed25519.ts";
import { SIGNATURE_DOMAINS } from "../../shared/protocol.ts";
import { signReset, verifyReset } from "../../shared/session-reset.ts";
import { expectError } from "../support/expect-error.ts";
import { personOf } from "../support/people.ts";

const [alice, bob, mallory] = [personOf("alice"), personOf("bob"), personOf("mallory")];
const sessionId = new Uint8Array(32).fill(7);
const reset = { sessionId, from: bob.device, to: alice.device };

describe("a reset", () => {
  test("verifies for its session and its two devices", () => {
    expect(() => verifyReset(reset, signReset(reset, bob.deviceKey))).not.toThrow();
  });

  const others: [string, typeof reset][] = [
    ["another session", { ...reset, sessionId: new Uint8Array(32).fill(8) }],
    ["another device that lost it", { ...reset, from: mallory.device }],
    ["another device that is told", { ...reset, to: mallory.device }],
    ["the other direction", { ...reset, from: alice.device, to: bob.device }],
  ];
  test.each(others)("does not verify for %s", async (_, other) => {
    await expectError(() => verifyReset(other, signReset(reset, bob.deviceKey)), "SIGNATURE_INVALID");
  });

  test("does not verify when somebody else signed it, or for another purpose, or in another length", async () => {
    await await expectError(() => verifyReset(reset, signReset(reset, mallory.deviceKey)), "SIGNATURE_INVALID");
    const content = concat(sessionId, publicKeyOfDevice(bob.device), publicKeyOfDevice(alice.device));
    const other = signWithDomain(SIGNATURE_DOMAINS.envelope, content, bob.deviceKey);
    await expectError(() => verifyReset(reset, other), "SIGNATURE_INVALID");
    await expectError(() => verifyReset(reset, new Uint8Array(63)), "SIGNATURE_INVALID");
  });

  test("does not verify with any bit of the signature flipped", async () => {
    const signature = signReset(reset, bob.deviceKey);
    for (let bit = 0; bit < signature.length * 8; bit += 1) {
      const flipped = signature.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await expectError(() => verifyReset(reset, flipped), "SIGNATURE_INVALID");
    }
  });
});
