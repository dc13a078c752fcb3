import {
  createCommit,
  createGroup,
  defaultCapabilities,
  type Extension,
  encodeMlsMessage,
  generateKeyPackageWithKey,
  type KeyPackage,
  type Lifetime,
  type Proposal,
  type Welcome,
} from "ts-mls";
import { describe, expect, test } from "vitest";
import { credentialOf } from "../../../peer/sessions/authentication.ts";
import { createCiphersuite } from "../../../peer/sessions/ciphersuite.ts";
import { clientConfig } from "../../../peer/sessions/client-config.ts";
import { decodeExactly } from "../../../peer/sessions/mls-message.ts";
import { assertTwoDevices } from "../../../peer/sessions/session-state.ts";
import { type DeviceId, publicKeyOfDevice } from "../../../shared/device-id.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { expectError } from "../../support/expect-error.ts";
import { openedPair, rawGroup, receive, type SessionDevice, send, sessionDevice } from "../../support/sessions.ts";

const HOUR = 3600_000;
const DAY = 24 * HOUR;

const suite = createCiphersuite((length) => crypto.getRandomValues(new Uint8Array(length)));
const [alice, bob, mallory] = [sessionDevice("alice"), sessionDevice("bob"), sessionDevice("mallory")];

/** A key package that says to be `name`'s and is signed by `signer`. */
function forgedKeyPackage(
  name: DeviceId,
  signer: SessionDevice,
  { lifetime = lifetimeOfDays(30), capabilities = defaultCapabilities(), extensions = [] as Extension[] } = {},
) {
  const keys = { signKey: signer.seed, publicKey: publicKeyOfDevice(signer.id) };
  return generateKeyPackageWithKey(credentialOf(name), capabilities, lifetime, extensions, keys, suite);
}

function lifetimeOfDays(days: number): Lifetime {
  const now = BigInt(Math.floor(Date.now() / 1000));
  return { notBefore: now - 3600n, notAfter: now - 3600n + BigInt(days * 24 * 3600) };
}

function encoded(keyPackage: KeyPackage): Uint8Array {
  return encodeMlsMessage({ version: "mls10", wireformat: "mls_key_package", keyPackage });
}

function encodedWelcome(welcome: Welcome | undefined): Uint8Array {
  if (welcome === undefined) throw new Error("no Welcome");
  return encodeMlsMessage({ version: "mls10", wireformat: "mls_welcome", welcome });
}

/** Opens a group with the library alone, as a peer that keeps to no rule of ours would. */
async function lawlessWelcome(opener: LawlessOpener, ...joinerPackages: Uint8Array[]): Promise<Uint8Array> {
  const { name, signer, groupIdBytes = 32, lifetime = lifetimeOfDays(30), earlierProposals = [] } = opener;
  const own = await forgedKeyPackage(name, signer, { lifetime });
  const config = { ...clientConfig(alice.id, bob.id), authService: { validateCredential: async () => true } };
  const groupId = new Uint8Array(groupIdBytes);
  let state = await createGroup(groupId, own.publicPackage, own.privatePackage, [], suite, config);
  for (const proposal of earlierProposals) {
    state = (await createCommit({ state, cipherSuite: suite }, { extraProposals: [proposal] })).newState;
  }
  const extraProposals = joinerPackages.map((bytes): Proposal => ({ proposalType: "add", add: readPackage(bytes) }));
  const made = await createCommit({ state, cipherSuite: suite }, { extraProposals, ratchetTreeExtension: true });
  return encodedWelcome(made.welcome);
}

type LawlessOpener = {
  readonly name: DeviceId;
  readonly signer: SessionDevice;
  readonly groupIdBytes?: number;
  readonly lifetime?: Lifetime;
  /** Each committed by itself before anybody is added. */
  readonly earlierProposals?: readonly Proposal[];
};

function readPackage(bytes: Uint8Array): { keyPackage: KeyPackage } {
  const message = decodeExactly(bytes);
  if (message.wireformat !== "mls_key_package") throw new Error("not a key package");
  return message;
}

describe("opening a session", () => {
  test("gives both sides the same session, whichever key package it was", async () => {
    for (const lastResort of [false, true]) {
      const key = await bob.sessions.createKeyPackage({ lastResort });
      const { session, welcome } = await alice.sessions.open(bob.id, key.publicPackage);
      expect(bob.sessions.welcomeReferences(welcome)).toEqual([key.reference]);
      const joined = await bob.sessions.join(alice.id, welcome, key);
      expect(joined).toMatchObject({ id: session.id, peer: alice.id, opener: false, epoch: 1, sentInEpoch: 0 });
      expect(session).toMatchObject({ peer: bob.id, opener: true, epoch: 1, pendingCommit: undefined });
      const ends = { from: { device: alice, session }, to: { device: bob, session: joined } };
      expect(await receive(ends.to, await send(ends.from, "hello"))).toBe("hello");
      expect(await receive(ends.from, await send(ends.to, "hello back"))).toBe("hello back");
    }
  });

  test("keeps nothing of before the peer came, and makes sessions that show and log no secret", async () => {
    const { alice: end } = await openedPair();
    expect(rawGroup(end).historicalReceiverData.size).toBe(0);
    expect(Object.isFrozen(end.session)).toBe(true);
    expect(Object.keys(end.session).sort()).toEqual(["epoch", "id", "opener", "peer", "pendingCommit", "sentInEpoch"]);
    await expectError(alice.sessions.encrypt({ ...end.session }, new Uint8Array(), new Uint8Array()), "INTERNAL");
  });

  test("uses a last-resort package for more than one session", async () => {
    const key = await bob.sessions.createKeyPackage({ lastResort: true });
    for (const opener of [alice, mallory]) {
      const { welcome } = await opener.sessions.open(bob.id, key.publicPackage);
      expect(await bob.sessions.join(opener.id, welcome, key)).toMatchObject({ peer: opener.id });
    }
  });

  test("works for a device whose clock is almost 48 hours behind", async () => {
    const { publicPackage } = await bob.sessions.createKeyPackage({ lastResort: false });
    const behind = sessionDevice("alice", { clockOffsetMs: -48 * HOUR + 60_000 });
    expect((await behind.sessions.open(bob.id, publicPackage)).session.peer).toBe(bob.id);
  });
});

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

describe("a Welcome", () => {
  test("of a two-device group that the peer opened is accepted from the library alone", async () => {
    const key = await bob.sessions.createKeyPackage({ lastResort: false });
    const welcome = await lawlessWelcome({ name: alice.id, signer: alice }, key.publicPackage);
    expect(await bob.sessions.join(alice.id, welcome, key)).toMatchObject({ peer: alice.id });
  });

  test("is refused from another device than the one it is said to be of", async () => {
    const key = await bob.sessions.createKeyPackage({ lastResort: false });
    const { welcome } = await mallory.sessions.open(bob.id, key.publicPackage);
    await expectError(bob.sessions.join(alice.id, welcome, key), "SESSION_INVALID");
  });

  test("is refused when the opener bears the peer's name without its key", async () => {
    const key = await bob.sessions.createKeyPackage({ lastResort: false });
    const welcome = await lawlessWelcome({ name: alice.id, signer: mallory }, key.publicPackage);
    await expectError(bob.sessions.join(alice.id, welcome, key), "SESSION_INVALID");
  });

  test("to a group of three is refused, added together or one after the other", async () => {
    const key = await bob.sessions.createKeyPackage({ lastResort: false });
    const third = await mallory.sessions.createKeyPackage({ lastResort: false });
    const opener = { name: alice.id, signer: alice };
    const together = await lawlessWelcome(opener, key.publicPackage, third.publicPackage);
    await expectError(bob.sessions.join(alice.id, together, key), "SESSION_INVALID");
    await expectError(() => bob.sessions.welcomeReferences(together), "SESSION_INVALID");

    const { alice: end } = await openedPair();
    const { welcome, newState } = await createCommit(
      { state: rawGroup(end), cipherSuite: suite },
      { extraProposals: [{ proposalType: "add", add: readPackage(third.publicPackage) }], ratchetTreeExtension: true },
    );
    await expectError(mallory.sessions.join(alice.id, encodedWelcome(welcome), third), "SESSION_INVALID");
    assertTwoDevices(rawGroup(end), alice.id, bob.id);
    await expectError(() => assertTwoDevices(newState, alice.id, bob.id), "SESSION_INVALID");
  });

  test("to a group whose id has another length is refused", async () => {
    const key = await bob.sessions.createKeyPackage({ lastResort: false });
    const opener = { name: alice.id, signer: alice, groupIdBytes: 16 };
    const welcome = await lawlessWelcome(opener, key.publicPackage);
    await expectError(bob.sessions.join(alice.id, welcome, key), "SESSION_INVALID");
  });

  test("for another key package, or with its secret damaged, opens nothing", async () => {
    const [key, other] = [
      await bob.sessions.createKeyPackage({ lastResort: false }),
      await bob.sessions.createKeyPackage({ lastResort: false }),
    ];
    const { welcome } = await alice.sessions.open(bob.id, key.publicPackage);
    await expectError(bob.sessions.join(alice.id, welcome, other), "SESSION_INVALID");
    const mixed = { publicPackage: key.publicPackage, privatePackage: other.privatePackage };
    await expectError(bob.sessions.join(alice.id, welcome, mixed), "SESSION_INVALID");
    const short = { publicPackage: key.publicPackage, privatePackage: key.privatePackage.subarray(1) };
    await expectError(bob.sessions.join(alice.id, welcome, short), "STORE_CORRUPT");
    await bob.sessions.join(alice.id, welcome, key);
  });

  test("to a group that has a past is refused", async () => {
    const key = await bob.sessions.createKeyPackage({ lastResort: false });
    const past: Proposal = { proposalType: "group_context_extensions", groupContextExtensions: { extensions: [] } };
    const opener = { name: alice.id, signer: alice, earlierProposals: [past] };
    await expectError(
      bob.sessions.join(alice.id, await lawlessWelcome(opener, key.publicPackage), key),
      "SESSION_INVALID",
    );
  });

  test("is refused once the opener's leaf has expired by the clock that is handed in", async () => {
    const ahead = sessionDevice("bob", { clockOffsetMs: DAY });
    const key = await ahead.sessions.createKeyPackage({ lastResort: false });
    const now = BigInt(Math.floor(Date.now() / 1000));
    const lifetime = { notBefore: now - 3600n, notAfter: now + 12n * 3600n };
    const welcome = await lawlessWelcome({ name: alice.id, signer: alice, lifetime }, key.publicPackage);
    await expectError(ahead.sessions.join(alice.id, welcome, key), "SESSION_INVALID");
  });

  test("is refused once everything in it has expired", async () => {
    const key = await bob.sessions.createKeyPackage({ lastResort: false });
    const { welcome } = await alice.sessions.open(bob.id, key.publicPackage);
    const later = sessionDevice("bob", { clockOffsetMs: 88 * DAY + HOUR });
    await expectError(later.sessions.join(alice.id, welcome, key), "SESSION_INVALID");
  });

  test("is refused when the opener's leaf has expired by the system's clock alone", async () => {
    const behind = sessionDevice("bob", { clockOffsetMs: -60 * DAY });
    const key = await behind.sessions.createKeyPackage({ lastResort: false });
    const now = BigInt(Math.floor(Date.now() / 1000));
    const lifetime = { notBefore: now - 70n * 86_400n, notAfter: now - 10n * 86_400n };
    const welcome = await lawlessWelcome({ name: alice.id, signer: alice, lifetime }, key.publicPackage);
    await expectError(behind.sessions.join(alice.id, welcome, key), "SESSION_INVALID");
    const valid = { notBefore: lifetime.notBefore, notAfter: now + 86_400n };
    const accepted = await lawlessWelcome({ name: alice.id, signer: alice, lifetime: valid }, key.publicPackage);
    expect((await behind.sessions.join(alice.id, accepted, key)).peer).toBe(alice.id);
  });

  test("names its key packages only when it is nothing but a Welcome", async () => {
    const key = await bob.sessions.createKeyPackage({ lastResort: false });
    const { welcome } = await alice.sessions.open(bob.id, key.publicPackage);
    for (const bytes of [key.publicPackage, Buffer.concat([welcome, Buffer.of(0)]), welcome.subarray(1)]) {
      await expectError(() => bob.sessions.welcomeReferences(bytes), "SESSION_INVALID");
    }
  });
});
