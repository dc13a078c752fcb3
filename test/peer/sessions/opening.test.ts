import { createCommit, type Proposal } from "ts-mls";
import { describe, expect, test } from "vitest";
import { assertTwoDevices } from "../../../peer/sessions/session-state.ts";
import { expectError } from "../../support/expect-error.ts";
import { encodedWelcome, lawlessWelcome, readPackage } from "../../support/lawless-opener.ts";
import { openedPair, rawGroup, receive, send, sessionDevice, suite } from "../../support/sessions.ts";

const HOUR = 3600_000;
const DAY = 24 * HOUR;

const [alice, bob, mallory] = [sessionDevice("alice"), sessionDevice("bob"), sessionDevice("mallory")];

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
