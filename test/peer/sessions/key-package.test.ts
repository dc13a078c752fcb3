import { defaultCapabilities, encodeMlsMessage, generateKeyPackageWithKey, type KeyPackage } from "ts-mls";
import { describe, expect, test } from "vitest";
import { credentialOf } from "../../../peer/sessions/authentication.ts";
import { publicKeyOfDevice } from "../../../shared/device-id.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { expectError } from "../../support/expect-error.ts";
import { forgedKeyPackage, lifetimeOfDays } from "../../support/lawless-opener.ts";
import { sessionDevice, suite } from "../../support/sessions.ts";

const HOUR = 3600_000;
const DAY = 24 * HOUR;

const [alice, bob, mallory] = [sessionDevice("alice"), sessionDevice("bob"), sessionDevice("mallory")];

function encoded(keyPackage: KeyPackage): Uint8Array {
  return encodeMlsMessage({ version: "mls10", wireformat: "mls_key_package", keyPackage });
}

describe("a key package", () => {
  test("is refused once it has expired, by the clock that is handed in", async () => {
    const { publicPackage } = await bob.sessions.createKeyPackage({ lastResort: false });
    const later = sessionDevice("alice", { clockOffsetMs: 88 * DAY + HOUR });
    await expectError(later.sessions.open(bob.id, publicPackage), "KEY_PACKAGE_INVALID");
  });

  test("is refused before it is valid", async () => {
    const { publicPackage } = await bob.sessions.createKeyPackage({ lastResort: false });
    const earlier = sessionDevice("alice", { clockOffsetMs: -48 * HOUR - HOUR });
    await expectError(earlier.sessions.open(bob.id, publicPackage), "KEY_PACKAGE_INVALID");
  });

  test("is refused by the system's clock too, whatever the clock that is handed in says", async () => {
    const stale = sessionDevice("bob", { clockOffsetMs: -88 * DAY - HOUR });
    const { publicPackage } = await stale.sessions.createKeyPackage({ lastResort: false });
    const asStale = sessionDevice("alice", { clockOffsetMs: -88 * DAY - HOUR });
    await expectError(asStale.sessions.open(bob.id, publicPackage), "KEY_PACKAGE_INVALID");
  });

  test("is refused when it claims more than 90 days", async () => {
    const { publicPackage } = await forgedKeyPackage(bob.id, bob, { lifetime: lifetimeOfDays(91) });
    await expectError(alice.sessions.open(bob.id, encoded(publicPackage)), "KEY_PACKAGE_INVALID");
    const allowed = await forgedKeyPackage(bob.id, bob, { lifetime: lifetimeOfDays(90) });
    await alice.sessions.open(bob.id, encoded(allowed.publicPackage));
  });

  test("is refused with somebody else's name, key or both", async () => {
    for (const [name, signer] of [
      [mallory.id, bob],
      [bob.id, mallory],
      [mallory.id, mallory],
    ] as const) {
      const { publicPackage } = await forgedKeyPackage(name, signer);
      await expectError(alice.sessions.open(bob.id, encoded(publicPackage)), "KEY_PACKAGE_INVALID");
    }
  });

  test("is refused when another key signed it than it names", async () => {
    const keys = { signKey: mallory.seed, publicKey: publicKeyOfDevice(bob.id) };
    const { publicPackage } = await generateKeyPackageWithKey(
      credentialOf(bob.id),
      defaultCapabilities(),
      lifetimeOfDays(30),
      [],
      keys,
      suite,
    );
    await expectError(alice.sessions.open(bob.id, encoded(publicPackage)), "KEY_PACKAGE_INVALID");
  });

  test("is refused when it is larger than allowed, or extended in a way that nobody knows", async () => {
    const extensionTypes = Array.from({ length: 3000 }, (_, index) => 0x1000 + index);
    const capabilities = { ...defaultCapabilities(), extensions: extensionTypes };
    const large = await forgedKeyPackage(bob.id, bob, { capabilities });
    expect(encoded(large.publicPackage).length).toBeGreaterThan(LIMITS.keyPackageMaxBytes);
    await expectError(alice.sessions.open(bob.id, encoded(large.publicPackage)), "KEY_PACKAGE_INVALID");
    const extensions = [{ extensionType: 0x1000, extensionData: new Uint8Array() }];
    const extended = await forgedKeyPackage(bob.id, bob, { extensions });
    await expectError(alice.sessions.open(bob.id, encoded(extended.publicPackage)), "KEY_PACKAGE_INVALID");
  });

  test("is refused as another kind of message or with a byte behind it", async () => {
    const { publicPackage } = await bob.sessions.createKeyPackage({ lastResort: false });
    const { welcome } = await alice.sessions.open(bob.id, publicPackage);
    for (const bytes of [welcome, Buffer.concat([publicPackage, Buffer.of(0)]), new Uint8Array()]) {
      await expectError(alice.sessions.open(bob.id, bytes), "KEY_PACKAGE_INVALID");
    }
  });

  test("of this very device opens no session", async () => {
    const { publicPackage } = await alice.sessions.createKeyPackage({ lastResort: false });
    await expectError(alice.sessions.open(alice.id, publicPackage), "KEY_PACKAGE_INVALID");
  });
});
