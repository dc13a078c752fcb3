import { describe, expect, test } from "vitest";
import { encodeCbor } from "../../../../shared/cbor.ts";
import { directConversation } from "../../../../shared/conversation.ts";
import { publicKeyOfDevice } from "../../../../shared/device-id.ts";
import { type Envelope, sealEnvelope } from "../../../../shared/envelope.ts";
import { sha256 } from "../../../../shared/hash.ts";
import { LIMITS } from "../../../../shared/protocol.ts";
import { attacked, expectRefused } from "../../../support/attacked-peer.ts";
import { refusals, types } from "../../../support/hostile-opener.ts";
import { personOf } from "../../../support/people.ts";
import { textBody } from "../../../support/text-body.ts";

describe("who may write", () => {
  test("refuses a device that no record lists", async () => {
    const { bob, opener } = await attacked({ listed: false });
    expect(refusals(await opener.openSession())).toEqual([["ENVELOPE_INVALID", "identity"]]);
    expect(refusals(await opener.write())).toEqual([["ENVELOPE_INVALID", "identity"]]);
    expect(bob.store.contacts.list()).toEqual([]);
    expect(bob.inbox()).toEqual([]);
  });

  test("derives the name from the key, whatever name is claimed", async () => {
    const { world, bob, mallory, opener } = await attacked();
    const alice = personOf("alice");
    await world.list(alice);
    expect(refusals(await opener.openSession({ hint: alice.username }))).toEqual([["ENVELOPE_INVALID", "identity"]]);
    expect(bob.contact(alice)).toBeUndefined();
    await opener.openLane();
    expect(types(await opener.openSession({ hint: mallory.username }))).toEqual(["opened"]);
    await opener.write({
      conversation: directConversation(alice.username, bob.person.username),
      seq: 1,
      prevHash: null,
    });
    expect(bob.inbox()).toEqual([]);
    await opener.openSession({ hint: alice.username });
    await opener.write({ seq: 1, prevHash: null });
    expect(bob.store.inbox.visibleAfter(0, 10).map(({ from }) => from)).toEqual(["mallory"]);
  });

  test("refuses a device that has left its owner's record", async () => {
    const at = await attacked();
    await at.opener.openSession();
    expect(types(await at.opener.write())).toEqual(["ack"]);
    const next = personOf("mallory", { device: "mallory second device" });
    const first = await at.world.list(at.mallory);
    await at.world.list(next, first);
    await at.bob.core.resolver.resolve(at.mallory.username);
    const sealed = sealEnvelope(at.opener.envelope(), at.mallory.deviceKey);
    await expectRefused(at, await at.opener.frameOf(sealed), ["ENVELOPE_INVALID", "identity"]);
    const session = at.opener.session;
    if (session === undefined) throw new Error("no session");
    const { commit } = await at.opener.sessions.beginCommit(session);
    const recipientDevice = publicKeyOfDevice(at.bob.person.device);
    await expectRefused(at, { type: "commit", sessionId: session.id, recipientDevice, commit }, [
      "ENVELOPE_INVALID",
      "identity",
    ]);
    expect(at.bob.inbox()).toEqual(["message 1"]);
  });

  test("refuses somebody who is blocked, an open session too", async () => {
    const at = await attacked();
    await at.opener.openSession();
    await at.opener.write();
    await at.bob.operations.contactsBlock({ username: "mallory", blocked: true });
    const sealed = sealEnvelope(at.opener.envelope(), at.mallory.deviceKey);
    await expectRefused(at, await at.opener.frameOf(sealed), ["CONTACT_BLOCKED", null]);
    expect(refusals(await at.opener.openSession())).toEqual([["CONTACT_BLOCKED", null]]);
    expect(at.bob.inbox()).toEqual(["message 1"]);
  });

  test("stores 20 messages of a stranger and no more until they are answered", async () => {
    const at = await attacked();
    await at.opener.openSession();
    for (let count = 0; count < LIMITS.strangerMaxMessages; count += 1) {
      expect(types(await at.opener.write())).toEqual(["ack"]);
    }
    const session = at.opener.session;
    const over = await at.opener.frameOf(sealEnvelope(at.opener.envelope(), at.mallory.deviceKey));
    await expectRefused(at, over, ["QUOTA", null]);
    at.opener.session = session;
    await at.bob.send("mallory", "who are you?");
    await at.world.settle();
    expect(types(await at.opener.exchange(over))).toEqual(["ack"]);
    expect(at.bob.inbox()).toHaveLength(LIMITS.strangerMaxMessages + 1);
  });

  test("stores 64 KiB of a stranger and no more", async () => {
    const at = await attacked();
    await at.opener.openSession();
    const body = textBody("x".repeat(LIMITS.textMaxBytes));
    let stored = 0;
    for (; stored < LIMITS.strangerMaxMessages; stored += 1) {
      const answers = await at.opener.write({ body });
      if (refusals(answers).length > 0) break;
    }
    expect(stored).toBe(Math.floor(LIMITS.strangerMaxBytes / body.length));
    expect(at.bob.store.inbox.usage(at.mallory.username).bytes).toBeLessThanOrEqual(LIMITS.strangerMaxBytes);
  });
});

describe("the place of a message", () => {
  test("refuses another envelope under a stored sequence", async () => {
    const at = await attacked();
    await at.opener.openSession();
    await at.opener.write();
    const second = at.opener.envelope({ seq: 1, prevHash: null });
    const frame = await at.opener.frameOf(sealEnvelope(second, at.mallory.deviceKey));
    await expectRefused(at, frame, ["ENVELOPE_INVALID", "seq"]);
    expect(at.bob.inbox()).toEqual(["message 1"]);
  });

  test("takes a tombstone that comes after its message as a repeat: what was stored stays", async () => {
    const at = await attacked();
    await at.opener.openSession();
    const envelope = at.opener.envelope();
    await at.opener.exchange(await at.opener.frameOf(sealEnvelope(envelope, at.mallory.deviceKey)));
    const tombstone: Envelope = { ...envelope, kind: "tombstone", body: encodeCbor({}) };
    const answers = await at.opener.exchange(await at.opener.frameOf(sealEnvelope(tombstone, at.mallory.deviceKey)));
    expect(types(answers)).toEqual(["ack"]);
    expect(at.bob.inbox()).toEqual(["message 1"]);
  });

  test("refuses a message behind its tombstone", async () => {
    const at = await attacked();
    await at.opener.openSession();
    const envelope = at.opener.envelope();
    const tombstone: Envelope = { ...envelope, kind: "tombstone", body: encodeCbor({}) };
    await at.opener.exchange(await at.opener.frameOf(sealEnvelope(tombstone, at.mallory.deviceKey)));
    const late = await at.opener.frameOf(sealEnvelope(envelope, at.mallory.deviceKey));
    await expectRefused(at, late, ["ENVELOPE_INVALID", "seq"]);
    expect(at.bob.inbox()).toEqual([]);
  });

  test("refuses a message that does not name the one before it", async () => {
    const at = await attacked();
    await at.opener.openSession();
    await at.opener.write();
    const wrong = at.opener.envelope({ prevHash: sha256(Buffer.from("another")) });
    const frame = await at.opener.frameOf(sealEnvelope(wrong, at.mallory.deviceKey));
    await expectRefused(at, frame, ["ENVELOPE_INVALID", "chain"]);
    expect(at.bob.inbox()).toEqual(["message 1"]);
  });

  test("begins with a new numbering where its sender does", async () => {
    const at = await attacked();
    await at.opener.openSession();
    await at.opener.write({ seq: 41, prevHash: null });
    expect(at.bob.inbox()).toEqual(["message 1"]);
  });

  test("stores and acknowledges a kind it does not know, and shows nothing", async () => {
    const at = await attacked();
    await at.opener.openSession();
    expect(types(await at.opener.write({ kind: "poll", body: Uint8Array.of(1, 2, 3) }))).toEqual(["ack"]);
    expect(types(await at.opener.write())).toEqual(["ack"]);
    expect(at.bob.inbox()).toEqual(["message 2"]);
  });
});
