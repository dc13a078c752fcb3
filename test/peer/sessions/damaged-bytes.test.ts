import { describe, expect, test } from "vitest";
import type { ErrorCode } from "../../../shared/errors.ts";
import { expectError } from "../../support/expect-error.ts";
import { openedPair, type SessionEnd, send, sessionDevice, stored } from "../../support/sessions.ts";

/** Every byte with one bit of it flipped, in turn the lowest to the highest, and every cut of the bytes. */
function* damages(bytes: Uint8Array): Generator<Uint8Array> {
  for (const [index, byte] of bytes.entries()) {
    const flipped = Uint8Array.from(bytes);
    flipped[index] = byte ^ (1 << (index % 8));
    yield flipped;
    yield bytes.subarray(0, index);
  }
}

async function expectAllRefused(
  bytes: Uint8Array,
  codes: readonly ErrorCode[],
  attempt: (damaged: Uint8Array) => Promise<unknown>,
): Promise<void> {
  const seen = new Set<string>();
  for (const damaged of damages(bytes)) {
    const error = await attempt(damaged).then(
      () => new Error(`accepted with damage: ${Buffer.from(damaged).toString("hex")}`),
      (thrown: unknown) => thrown,
    );
    const code = codes.find((known) => (error as { code?: unknown }).code === known);
    if (code === undefined) throw error;
    seen.add(code);
    await expectError(Promise.reject(error), code);
  }
  expect([...seen].sort()).toEqual([...codes].sort());
}

async function expectUnchangedAfter(end: SessionEnd, attack: () => Promise<void>): Promise<void> {
  const before = stored(end);
  await attack();
  expect(stored(end).equals(before)).toBe(true);
}

describe("damage anywhere", { timeout: 120_000 }, () => {
  test("in a message is refused and changes nothing", async () => {
    const { alice, bob } = await openedPair();
    const ciphertext = await send(alice, "hello");
    await expectUnchangedAfter(bob, () =>
      expectAllRefused(ciphertext, ["SESSION_INVALID", "SESSION_OUT_OF_ORDER"], (damaged) =>
        bob.device.sessions.decrypt(bob.session, damaged),
      ),
    );
  });

  test("in a commit is refused and changes nothing", async () => {
    const { alice, bob } = await openedPair();
    const { commit } = await alice.device.sessions.beginCommit(alice.session);
    await expectUnchangedAfter(bob, () =>
      expectAllRefused(commit, ["SESSION_INVALID", "SESSION_OUT_OF_ORDER"], (damaged) =>
        bob.device.sessions.receiveCommit(bob.session, damaged),
      ),
    );
  });

  test("in a Welcome is refused", async () => {
    const [alice, bob] = [sessionDevice("alice"), sessionDevice("bob")];
    const key = await bob.sessions.createKeyPackage({ lastResort: false });
    const { welcome } = await alice.sessions.open(bob.id, key.publicPackage);
    await expectAllRefused(welcome, ["SESSION_INVALID"], (damaged) => bob.sessions.join(alice.id, damaged, key));
  });

  test("in a key package is refused", async () => {
    const [alice, bob] = [sessionDevice("alice"), sessionDevice("bob")];
    const { publicPackage } = await bob.sessions.createKeyPackage({ lastResort: true });
    await expectAllRefused(publicPackage, ["KEY_PACKAGE_INVALID"], (damaged) => alice.sessions.open(bob.id, damaged));
  });
});
