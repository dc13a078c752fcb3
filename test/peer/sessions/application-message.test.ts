import { createApplicationMessage, emptyPskIndex, encodeMlsMessage, processPrivateMessage } from "ts-mls";
import { signFramedContentApplicationOrProposal } from "ts-mls/framedContent.js";
import { protect } from "ts-mls/messageProtection.js";
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

const decrypt = (end: SessionEnd, ciphertext: Uint8Array) => end.device.sessions.decrypt(end.session, ciphertext);

/** A message as somebody who holds this state and the library alone would send it. */
async function lawlessMessage(state: ReturnType<typeof rawGroup>, text: string): Promise<Uint8Array> {
  const { privateMessage } = await createApplicationMessage(state, Buffer.from(text), suite);
  return encodeMlsMessage({ version: "mls10", wireformat: "mls_private_message", privateMessage });
}

/** A message that is signed and sealed under the session's keys, but names a group of its sender's choice. */
async function messageForGroup(state: ReturnType<typeof rawGroup>, groupId: Uint8Array): Promise<Uint8Array> {
  const { groupContext, privatePath, secretTree, keySchedule, signaturePrivateKey } = state;
  const authenticatedData = new Uint8Array();
  const content = {
    contentType: "application",
    applicationData: Buffer.from("renamed"),
    groupId,
    epoch: groupContext.epoch,
    sender: { senderType: "member", leafIndex: privatePath.leafIndex },
    authenticatedData,
  } as const;
  const auth = await signFramedContentApplicationOrProposal(
    signaturePrivateKey,
    {
      protocolVersion: "mls10",
      wireformat: "mls_private_message",
      content,
      senderType: "member",
      context: groupContext,
    },
    suite,
  );
  const { privateMessage } = await protect(
    keySchedule.senderDataSecret,
    authenticatedData,
    { ...groupContext, groupId },
    secretTree,
    { ...content, auth },
    privatePath.leafIndex,
    { kind: "alwaysPad", paddingLength: 0 },
    suite,
  );
  return encodeMlsMessage({ version: "mls10", wireformat: "mls_private_message", privateMessage });
}

/** What a thief with the stored state of `end` reads of a ciphertext, or undefined. */
async function stolenRead(end: SessionEnd, ciphertext: Uint8Array): Promise<string | undefined> {
  const message = decodeExactly(ciphertext);
  if (message.wireformat !== "mls_private_message") throw new Error("not a private message");
  const result = await processPrivateMessage(rawGroup(end), message.privateMessage, emptyPskIndex, suite).catch(
    () => undefined,
  );
  return result?.kind === "applicationMessage" ? Buffer.from(result.message).toString() : undefined;
}

describe("messages in a session", () => {
  test("carry the plaintext sealed and the authenticated data beside it", async () => {
    const { alice, bob } = await openedPair();
    const [plaintext, aad] = [Buffer.from("the plaintext"), Buffer.from("the data")];
    const { session, ciphertext } = await alice.device.sessions.encrypt(alice.session, plaintext, aad);
    expect(Buffer.from(ciphertext).includes(plaintext)).toBe(false);
    expect(session.sentInEpoch).toBe(1);
    const opened = await decrypt(bob, ciphertext);
    expect(Buffer.from(opened.plaintext)).toEqual(plaintext);
    expect(Buffer.from(opened.authenticatedData)).toEqual(aad);
  });

  test("leave the arguments as they were, so that a step can be taken again", async () => {
    const { alice, bob } = await openedPair();
    const ciphertext = await send(alice, "once");
    const before = stored(bob);
    const first = await decrypt(bob, ciphertext);
    const again = await decrypt(bob, ciphertext);
    expect(again.plaintext).toEqual(first.plaintext);
    expect(stored(bob).equals(before)).toBe(true);
    await heal(alice, { ...bob });
    const old = { ...bob };
    expect(await receive(old, ciphertext)).toBe("once");
  });

  test("are not readable twice", async () => {
    const { alice, bob } = await openedPair();
    const ciphertext = await send(alice, "once");
    await receive(bob, ciphertext);
    const error = await expectRefusal(bob, "SESSION_OUT_OF_ORDER", () => decrypt(bob, ciphertext));
    expect(error).toMatchObject({ reason: "repeated", details: { epoch: 1, generation: 0, expectedGeneration: 1 } });
  });

  test("are not read past a missing one, and no key of the missing one is kept", async () => {
    const { alice, bob } = await openedPair();
    const [first, second] = [await send(alice, "first"), await send(alice, "second")];
    const error = await expectRefusal(bob, "SESSION_OUT_OF_ORDER", () => decrypt(bob, second));
    expect(error).toMatchObject({ reason: "skipped", details: { epoch: 1, generation: 1, expectedGeneration: 0 } });
    expect(await receive(bob, first)).toBe("first");
    expect(await receive(bob, second)).toBe("second");
  });

  test("stay closed to a thief of the state that read them", async () => {
    const { alice, bob } = await openedPair();
    const ciphertexts = [await send(alice, "a"), await send(alice, "b"), await send(alice, "c")];
    const ratchet = rawGroup(bob).secretTree[0]?.application.secret ?? new Uint8Array();
    expect(stored(bob).includes(ratchet)).toBe(true);
    for (const [read, ciphertext] of ciphertexts.entries()) {
      expect(await stolenRead(bob, ciphertext)).toBe(["a", "b", "c"][read]);
      await receive(bob, ciphertext);
      expect(await stolenRead(bob, ciphertext)).toBeUndefined();
      expect(stored(bob).includes(ratchet)).toBe(false);
    }
  });

  test("stay closed to a thief of the state that sent them", async () => {
    const { alice } = await openedPair();
    const ciphertext = await send(alice, "sent");
    expect(await stolenRead(alice, ciphertext)).toBeUndefined();
  });

  test("are refused in a session of other devices, or from another session of the same two", async () => {
    const [{ alice }, { bob: other }] = [await openedPair(), await openedPair()];
    const ciphertext = await send(alice, "for another session");
    await expectRefusal(other, "SESSION_INVALID", () => decrypt(other, ciphertext));
  });

  test("are refused as another kind of message or with a byte behind them", async () => {
    const { alice, bob } = await openedPair();
    const { commit } = await alice.device.sessions.beginCommit(alice.session);
    const ciphertext = await send(alice, "hello");
    for (const bytes of [commit, Buffer.concat([ciphertext, Buffer.of(0)]), new Uint8Array()]) {
      await expectRefusal(bob, "SESSION_INVALID", () => decrypt(bob, bytes));
    }
    expect(await receive(bob, ciphertext)).toBe("hello");
  });

  test("are refused when a length is spelled longer than it must be", async () => {
    const { alice, bob } = await openedPair();
    const ciphertext = await send(alice, "hello");
    // Version and wire format take four bytes; then the group id's length, 32 in one byte, here in two.
    const respelled = Buffer.concat([ciphertext.subarray(0, 4), Buffer.of(0x40, 0x20), ciphertext.subarray(5)]);
    await expectRefusal(bob, "SESSION_INVALID", () => decrypt(bob, respelled));
  });

  test("are refused in one's own name, from a thief of one's own state and from the peer", async () => {
    const { alice, bob } = await openedPair();
    await receive(alice, await send(bob, "moves the peer's ratchet on"));
    const reflected = await lawlessMessage(rawGroup(alice), "to myself");
    await expectRefusal(alice, "SESSION_INVALID", () => decrypt(alice, reflected));
    await send(alice, "moves the own ratchet on");
    await expectRefusal(alice, "SESSION_INVALID", () => decrypt(alice, reflected));

    const asAlice = rawGroup(bob);
    const impersonating = { ...asAlice, privatePath: { ...asAlice.privatePath, leafIndex: 0 } };
    const forged = await lawlessMessage(impersonating, "signed by Bob as Alice");
    await expectRefusal(bob, "SESSION_INVALID", () => decrypt(bob, forged));
    const fresh = (await openedPair()).alice;
    await expectRefusal(fresh, "SESSION_INVALID", () => decrypt(fresh, forged));
  });

  test("are refused when the peer names another group under this one's keys", async () => {
    const { alice, bob } = await openedPair();
    const renamed = await messageForGroup(rawGroup(alice), new Uint8Array(32));
    await expectRefusal(bob, "SESSION_INVALID", () => decrypt(bob, renamed));
    const { groupId } = rawGroup(alice).groupContext;
    expect(await receive(bob, await messageForGroup(rawGroup(alice), groupId))).toBe("renamed");
  });

  test("are refused when they claim an epoch that is yet to come, even under today's keys", async () => {
    const { alice, bob } = await openedPair();
    const group = rawGroup(alice);
    const ahead = { ...group, groupContext: { ...group.groupContext, epoch: 2n } };
    const error = await expectRefusal(bob, "SESSION_OUT_OF_ORDER", async () =>
      decrypt(bob, await lawlessMessage(ahead, "from the future")),
    );
    expect(error).toMatchObject({ reason: "epoch", details: { epoch: 2, expectedEpoch: 1 } });
  });

  test("are not sent under a pending commit, but still received", async () => {
    const { alice, bob } = await openedPair();
    alice.session = (await alice.device.sessions.beginCommit(alice.session)).session;
    await expectRefusal(alice, "INTERNAL", () => send(alice, "too early"));
    expect(await receive(alice, await send(bob, "in between"))).toBe("in between");
  });

  test("belong to the device whose session it is", async () => {
    const { alice } = await openedPair();
    const other = sessionDevice("mallory");
    const ciphertext = await send(alice, "hello");
    const restored = () => other.sessions.restore(stored(alice));
    expect(restored).toThrow(expect.objectContaining({ code: "STORE_CORRUPT" }));
    expect(ciphertext.length).toBeGreaterThan(0);
  });
});

describe("messages of the epoch before", () => {
  test("still arrive after a commit, in order and once", async () => {
    const { alice, bob } = await openedPair();
    const [first, second, third] = [await send(bob, "1"), await send(bob, "2"), await send(bob, "3")];
    await receive(alice, first);
    await heal(alice, bob);
    await expectRefusal(alice, "SESSION_OUT_OF_ORDER", () => decrypt(alice, first));
    await expectRefusal(alice, "SESSION_OUT_OF_ORDER", () => decrypt(alice, third));
    expect(await receive(alice, second)).toBe("2");
    await expectRefusal(alice, "SESSION_OUT_OF_ORDER", () => decrypt(alice, second));
    expect(await receive(alice, third)).toBe("3");
  });

  test("that came in under the own pending commit cannot come in again after it", async () => {
    const { alice, bob } = await openedPair();
    const ciphertext = await send(bob, "once");
    const { session, commit } = await alice.device.sessions.beginCommit(alice.session);
    alice.session = session;
    await receive(alice, ciphertext);
    bob.session = (await bob.device.sessions.receiveCommit(bob.session, commit)).session;
    alice.session = await alice.device.sessions.confirmCommit(alice.session, commit);
    await expectRefusal(alice, "SESSION_OUT_OF_ORDER", () => decrypt(alice, ciphertext));
    expect(await stolenRead(alice, ciphertext)).toBeUndefined();
  });

  test("are lost with the commit after the next", async () => {
    const { alice, bob } = await openedPair();
    const late = await send(bob, "late");
    await heal(alice, bob);
    await heal(bob, alice);
    const error = await expectRefusal(alice, "SESSION_OUT_OF_ORDER", () => decrypt(alice, late));
    expect(error).toMatchObject({ reason: "epoch", details: { epoch: 1, expectedEpoch: 3 } });
    expect(await stolenRead(alice, late)).toBeUndefined();
  });
});
