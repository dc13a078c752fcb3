import fc from "fast-check";
import {
  type CreateCommitOptions,
  createCommit,
  createProposal,
  emptyPskIndex,
  encodeMlsMessage,
  type Proposal,
  processPrivateMessage,
} from "ts-mls";
import { describe, expect, test } from "vitest";
import { decodeExactly } from "../../../peer/sessions/mls-message.ts";
import {
  expectRefusal,
  heal,
  openedPair,
  rawGroup,
  receive,
  type SessionEnd,
  send,
  sessionDevice,
  stored,
  suite,
} from "../../support/sessions.ts";

const receiveCommit = (end: SessionEnd, commit: Uint8Array) => end.device.sessions.receiveCommit(end.session, commit);

async function begin(end: SessionEnd): Promise<Uint8Array> {
  const { session, commit } = await end.device.sessions.beginCommit(end.session);
  end.session = session;
  return commit;
}

async function apply(end: SessionEnd, commit: Uint8Array): Promise<string> {
  const { session, outcome } = await receiveCommit(end, commit);
  end.session = session;
  return outcome;
}

async function confirm(end: SessionEnd, commit: Uint8Array): Promise<void> {
  end.session = await end.device.sessions.confirmCommit(end.session, commit);
}

async function expectBothWays(alice: SessionEnd, bob: SessionEnd): Promise<void> {
  expect(alice.session.epoch).toBe(bob.session.epoch);
  expect(await receive(bob, await send(alice, "to Bob"))).toBe("to Bob");
  expect(await receive(alice, await send(bob, "to Alice"))).toBe("to Alice");
}

/** A commit of the peer that does more than a commit of ours ever would. */
async function lawlessCommit(from: SessionEnd, options: CreateCommitOptions): Promise<Uint8Array> {
  return encodeMlsMessage((await createCommit({ state: rawGroup(from), cipherSuite: suite }, options)).commit);
}

function privateMessageOf(bytes: Uint8Array) {
  const message = decodeExactly(bytes);
  if (message.wireformat !== "mls_private_message") throw new Error("not a private message");
  return message.privateMessage;
}

describe("a commit", () => {
  test("takes both sides to the next epoch, and messages go on both ways", async () => {
    const { alice, bob } = await openedPair();
    await send(alice, "counts in the first epoch");
    await heal(alice, bob);
    expect(alice.session).toMatchObject({ epoch: 2, sentInEpoch: 0, pendingCommit: undefined });
    await expectBothWays(alice, bob);
    await heal(bob, alice);
    expect(bob.session.epoch).toBe(3);
    await expectBothWays(alice, bob);
  });

  test("is made once: the pending one is given out again", async () => {
    const { alice } = await openedPair();
    const commit = await begin(alice);
    const before = stored(alice);
    expect(await begin(alice)).toEqual(commit);
    expect(alice.session.pendingCommit).toEqual(commit);
    expect(stored(alice).equals(before)).toBe(true);
  });

  test("changes nothing for its maker before it is confirmed", async () => {
    const { alice, bob } = await openedPair();
    await begin(alice);
    expect(alice.session.epoch).toBe(1);
    expect(await receive(alice, await send(bob, "still in epoch 1"))).toBe("still in epoch 1");
  });

  test("is confirmed only as what it is", async () => {
    const { alice, bob } = await openedPair();
    const { sessions } = alice.device;
    const other = (await bob.device.sessions.beginCommit(bob.session)).commit;
    await expectRefusal(alice, "SESSION_INVALID", () => sessions.confirmCommit(alice.session, other));
    const commit = await begin(alice);
    await expectRefusal(alice, "SESSION_INVALID", () => sessions.confirmCommit(alice.session, other));
    await confirm(alice, commit);
    await expectRefusal(alice, "SESSION_INVALID", () => sessions.confirmCommit(alice.session, commit));
  });

  test("that comes again is answered again and changes nothing", async () => {
    const { alice, bob } = await openedPair();
    const commit = await heal(alice, bob);
    const before = stored(bob);
    expect(await apply(bob, commit)).toBe("repeated");
    expect(stored(bob).equals(before)).toBe(true);
    await expectBothWays(alice, bob);
  });

  test("of an epoch long gone, or not reached yet, is refused", async () => {
    const { alice, bob } = await openedPair();
    const old = await heal(alice, bob);
    await heal(alice, bob);
    const gone = await expectRefusal(bob, "SESSION_OUT_OF_ORDER", () => receiveCommit(bob, old));
    expect(gone).toMatchObject({ reason: "epoch", details: { epoch: 1, expectedEpoch: 3 } });

    const behind = { ...bob };
    await heal(alice, bob);
    const early = await begin(alice);
    await expectRefusal(behind, "SESSION_OUT_OF_ORDER", () => receiveCommit(behind, early));
  });

  test("of one's own is refused", async () => {
    const { alice } = await openedPair();
    const { commit } = await alice.device.sessions.beginCommit(alice.session);
    await expectRefusal(alice, "SESSION_INVALID", () => receiveCommit(alice, commit));
  });

  test("is refused as another kind of message, with a byte behind it or from another session", async () => {
    const { alice, bob } = await openedPair();
    const commit = await begin(bob);
    const foreign = await begin((await openedPair()).bob);
    for (const bytes of [await send(alice, "x"), Buffer.concat([commit, Buffer.of(0)]), foreign, new Uint8Array()]) {
      await expectRefusal(alice, "SESSION_INVALID", () => receiveCommit(alice, bytes));
    }
    const asPublic = await lawlessCommit(alice, { wireAsPublicMessage: true });
    await expectRefusal(bob, "SESSION_INVALID", () => receiveCommit(bob, asPublic));
  });

  test("that carries any proposal is refused", async () => {
    const { alice, bob } = await openedPair();
    const third = await sessionDevice("mallory").sessions.createKeyPackage({ lastResort: false });
    const keyPackage = decodeExactly(third.publicPackage);
    if (keyPackage.wireformat !== "mls_key_package") throw new Error("not a key package");
    const reinit = { groupId: new Uint8Array(32), version: "mls10", cipherSuite: suite.name, extensions: [] } as const;
    const proposals: Proposal[] = [
      { proposalType: "add", add: keyPackage },
      { proposalType: "remove", remove: { removed: 1 } },
      { proposalType: "reinit", reinit: { ...reinit, extensions: [] } },
      { proposalType: "group_context_extensions", groupContextExtensions: { extensions: [] } },
      { proposalType: 0xf123, proposalData: new Uint8Array(3) },
    ];
    for (const proposal of proposals) {
      const commit = await lawlessCommit(alice, { extraProposals: [proposal] });
      await expectRefusal(bob, "SESSION_INVALID", () => receiveCommit(bob, commit));
    }
    expect(await apply(bob, await lawlessCommit(alice, {}))).toBe("applied");
  });

  test("cannot be prepared by a proposal on its own", async () => {
    const { alice, bob } = await openedPair();
    const update: Proposal = { proposalType: 0xf123, proposalData: new Uint8Array(3) };
    const { message } = await createProposal(rawGroup(alice), false, update, suite);
    const proposal = encodeMlsMessage(message);
    await expectRefusal(bob, "SESSION_INVALID", () => receiveCommit(bob, proposal));
    await expectRefusal(bob, "SESSION_INVALID", () => bob.device.sessions.decrypt(bob.session, proposal));
  });

  test("closes the session to a thief of an older state, once both sides have made one", async () => {
    const { alice, bob } = await openedPair();
    let stolen = rawGroup(bob);
    const reads = (bytes: Uint8Array) => processPrivateMessage(stolen, privateMessageOf(bytes), emptyPskIndex, suite);
    expect((await reads(await send(alice, "read by the thief"))).kind).toBe("applicationMessage");
    for (const commit of [await heal(bob, alice), await heal(alice, bob)]) {
      const followed = await reads(commit).catch(() => undefined);
      stolen = followed?.newState ?? stolen;
    }
    const ciphertext = await send(alice, "closed to the thief");
    await expect(reads(ciphertext)).rejects.toThrow();
    expect(await receive(bob, ciphertext)).toBe("closed to the thief");
  });

  test("of the peer alone does not lock out the thief of this side's state, which is why both sides make one", async () => {
    const { alice, bob } = await openedPair();
    const thief = { ...bob };
    await apply(thief, await heal(alice, bob));
    expect(await receive(thief, await send(alice, "still read"))).toBe("still read");
  });
});

describe("two commits at once", () => {
  test("end with the opener's, whichever arrives first", async () => {
    for (const openerFirst of [true, false]) {
      const { alice, bob } = await openedPair();
      const [ofAlice, ofBob] = [await begin(alice), await begin(bob)];
      const before = stored(alice);
      if (openerFirst) expect(await apply(bob, ofAlice)).toBe("applied");
      expect(await apply(alice, ofBob)).toBe("refused");
      expect(stored(alice).equals(before)).toBe(true);
      if (!openerFirst) expect(await apply(bob, ofAlice)).toBe("applied");
      expect(bob.session).toMatchObject({ epoch: 2, pendingCommit: undefined });
      await confirm(alice, ofAlice);
      await expectBothWays(alice, bob);
    }
  });

  test("do not make the opener refuse what is no commit of the peer", async () => {
    const { alice, bob } = await openedPair();
    const [, ofBob] = [await begin(alice), await begin(bob)];
    const damaged = ofBob.map((byte, index) => (index === ofBob.length - 1 ? byte ^ 1 : byte));
    await expectRefusal(alice, "SESSION_INVALID", () => receiveCommit(alice, damaged));
  });

  test("converge, and what was in flight still arrives", async () => {
    const texts = fc.array(fc.string({ maxLength: 20 }), { maxLength: 3 });
    const race = fc.record({ rounds: fc.integer({ min: 1, max: 3 }), aliceSends: texts, bobSends: texts });
    const { alice: aliceStart, bob: bobStart } = await openedPair();
    await fc.assert(
      fc.asyncProperty(race, async ({ rounds, aliceSends, bobSends }) => {
        const [alice, bob] = [{ ...aliceStart }, { ...bobStart }];
        for (let round = 0; round < rounds; round++) {
          const toBob = await sendAll(alice, aliceSends);
          const toAlice = await sendAll(bob, bobSends);
          const [ofAlice, ofBob] = [await begin(alice), await begin(bob)];
          expect(await apply(bob, ofAlice)).toBe("applied");
          expect(await apply(alice, ofBob)).toBe("refused");
          await confirm(alice, ofAlice);
          expect(await receiveAll(bob, toBob)).toEqual(aliceSends);
          expect(await receiveAll(alice, toAlice)).toEqual(bobSends);
          await expectBothWays(alice, bob);
        }
      }),
      { numRuns: 40 },
    );
  });
});

async function sendAll(from: SessionEnd, texts: readonly string[]): Promise<Uint8Array[]> {
  const ciphertexts: Uint8Array[] = [];
  for (const text of texts) ciphertexts.push(await send(from, text));
  return ciphertexts;
}

async function receiveAll(to: SessionEnd, ciphertexts: readonly Uint8Array[]): Promise<string[]> {
  const texts: string[] = [];
  for (const ciphertext of ciphertexts) texts.push(await receive(to, ciphertext));
  return texts;
}
