import { describe, expect, test } from "vitest";
import { encodeCbor } from "../../../shared/cbor.ts";
import { directConversation } from "../../../shared/conversation.ts";
import { publicKeyOfDevice } from "../../../shared/device-id.ts";
import { signWithDomain } from "../../../shared/ed25519.ts";
import { type Envelope, encodeText, linkOf, sealEnvelope } from "../../../shared/envelope.ts";
import { ChatError } from "../../../shared/errors.ts";
import { encodeFrame, type FrameBody } from "../../../shared/frames.ts";
import { sha256 } from "../../../shared/hash.ts";
import { pad, unpad } from "../../../shared/padding.ts";
import { LIMITS, SIGNATURE_DOMAINS } from "../../../shared/protocol.ts";
import { databaseContent } from "../../support/database-bytes.ts";
import { HostileOpener, refusals, types } from "../../support/hostile-opener.ts";
import type { MessagingPeer } from "../../support/messaging-peer.ts";
import { MessagingWorld } from "../../support/messaging-world.ts";
import { keyOf, personOf } from "../../support/people.ts";

/** Bob's program, and Mallory, who is listed and has a session with it. */
async function attacked(options: { listed?: boolean } = {}) {
  const world = new MessagingWorld();
  const bob = await world.start("bob", { keyPackages: 3 });
  const mallory = personOf("mallory");
  if (options.listed !== false) await world.list(mallory);
  const opener = new HostileOpener(world, mallory, bob.person);
  await opener.openLane();
  return { world, bob, mallory, opener };
}

/** Expects that this is refused so, that nothing of Bob's changed, and that an honest message still gets through. */
async function expectRefused(
  { world, bob, opener }: { world: MessagingWorld; bob: MessagingPeer; opener: HostileOpener },
  frame: FrameBody,
  refusal: readonly (string | null)[],
) {
  const before = databaseContent(world.databaseOf(bob.person));
  const session = opener.session;
  expect(refusals(await opener.exchange(frame))).toEqual([refusal]);
  expect(databaseContent(world.databaseOf(bob.person))).toBe(before);
  opener.session = session;
}

describe("an envelope is stored once, or refused without a trace", () => {
  test("stores and acknowledges an honest message", async () => {
    const { bob, opener } = await attacked();
    expect(types(await opener.openSession())).toEqual(["opened"]);
    expect(types(await opener.write())).toEqual(["ack"]);
    expect(bob.inbox()).toEqual(["message 1"]);
  });

  test("refuses an envelope for somebody else, whatever the frame says", async () => {
    const at = await attacked();
    await at.opener.openSession();
    const recipient = publicKeyOfDevice(personOf("carol").device);
    const sealed = sealEnvelope(at.opener.envelope({ recipient, seq: 1, prevHash: null }), at.mallory.deviceKey);
    const start = at.opener.session;
    await expectRefused(at, await at.opener.frameOf(sealed), ["ENVELOPE_INVALID", "recipient"]);
    at.opener.session = start;
    const honest = sealEnvelope(at.opener.envelope({ seq: 1, prevHash: null }), at.mallory.deviceKey);
    const elsewhere = await at.opener.frameOf(honest, { recipientDevice: recipient });
    await expectRefused(at, elsewhere, ["ENVELOPE_INVALID", "recipient"]);
    expect(at.bob.inbox()).toEqual([]);
  });

  const unsound: [string, Partial<Envelope>, (string | null)[]][] = [
    ["another group's conversation", { conversation: new Uint8Array(32) }, ["ENVELOPE_INVALID", "conversation"]],
    [
      "the conversation of two others",
      { conversation: directConversation("carol", "dave") },
      ["ENVELOPE_INVALID", "conversation"],
    ],
    ["an incarnation of another length", { incarnation: new Uint8Array(15) }, ["ENVELOPE_INVALID", "schema"]],
    ["a sequence of zero", { seq: 0 }, ["ENVELOPE_INVALID", "schema"]],
    ["a sequence with a fraction", { seq: 1.5 }, ["ENVELOPE_INVALID", "schema"]],
    ["a time that is no time", { sentAt: 1e18 }, ["ENVELOPE_INVALID", "schema"]],
    ["a time before 1970", { sentAt: -1 }, ["ENVELOPE_INVALID", "schema"]],
    ["a time as a text", { sentAt: "now" as unknown as number }, ["ENVELOPE_INVALID", "schema"]],
    ["a kind that is no word", { kind: "Text\n" }, ["ENVELOPE_INVALID", "schema"]],
    ["an unknown member", { extra: 1 } as Partial<Envelope>, ["ENVELOPE_INVALID", "schema"]],
    ["a text that is no text", { body: encodeCbor({ text: 1 }) }, ["ENVELOPE_INVALID", "schema"]],
    ["a text that is no CBOR", { body: Uint8Array.of(0xff) }, ["ENVELOPE_INVALID", "cbor"]],
    ["a text over the limit", { body: encodeText("x".repeat(LIMITS.textMaxBytes + 1)) }, ["ENVELOPE_INVALID", "size"]],
    ["another version", { v: 2 as 1 }, ["VERSION_UNSUPPORTED", null]],
  ];
  test.each(unsound)("refuses %s", async (_, overrides, refusal) => {
    const at = await attacked();
    await at.opener.openSession();
    const sealed = sealEnvelope(at.opener.envelope(overrides), at.mallory.deviceKey);
    await expectRefused(at, await at.opener.frameOf(sealed), refusal);
  });

  test("refuses a signature of another key, and a sender who is another device", async () => {
    const at = await attacked();
    await at.opener.openSession();
    const start = at.opener.session;
    const forged = sealEnvelope(at.opener.envelope(), keyOf("somebody else"));
    await expectRefused(at, await at.opener.frameOf(forged), ["ENVELOPE_INVALID", "signature"]);
    at.opener.session = start;
    const alice = personOf("alice");
    const relayed = sealEnvelope(at.opener.envelope({ sender: publicKeyOfDevice(alice.device) }), alice.deviceKey);
    await expectRefused(at, await at.opener.frameOf(relayed), ["ENVELOPE_INVALID", "identity"]);
  });

  test("refuses a signature made for another purpose", async () => {
    const at = await attacked();
    await at.opener.openSession();
    const content = encodeCbor(at.opener.envelope());
    for (const domain of [SIGNATURE_DOMAINS.sessionReset, SIGNATURE_DOMAINS.deviceProof, ""]) {
      const session = at.opener.session;
      const signature = signWithDomain(domain, content, at.mallory.deviceKey);
      const plaintext = pad(encodeCbor({ envelope: content, signature }));
      const frame = await at.opener.frameOf({ plaintext, envelopeId: sha256(content) });
      await expectRefused(at, frame, ["ENVELOPE_INVALID", "signature"]);
      at.opener.session = session;
    }
  });

  test("refuses a frame that names another envelope than it carries", async () => {
    const at = await attacked();
    await at.opener.openSession();
    const sealed = sealEnvelope(at.opener.envelope(), at.mallory.deviceKey);
    const frame = await at.opener.frameOf(sealed, { envelopeId: sha256(sealed.plaintext) });
    await expectRefused(at, frame, ["ENVELOPE_INVALID", "hash"]);
  });

  test("refuses a valid envelope with any bit flipped", async () => {
    const at = await attacked();
    await at.opener.openSession();
    const { plaintext, envelopeId } = sealEnvelope(at.opener.envelope(), at.mallory.deviceKey);
    const content = unpad(plaintext).length + 1;
    const before = databaseContent(at.world.databaseOf(at.bob.person));
    const start = at.opener.session;
    for (let bit = 0; bit < content * 8; bit += 1) {
      const flipped = plaintext.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      at.opener.session = start;
      const answers = await at.opener.exchange(await at.opener.frameOf({ plaintext: flipped, envelopeId }));
      expect(types(answers)).toEqual(["refuse"]);
    }
    expect(databaseContent(at.world.databaseOf(at.bob.person))).toBe(before);
    at.opener.session = start;
    expect(types(await at.opener.exchange(await at.opener.frameOf({ plaintext, envelopeId })))).toEqual(["ack"]);
  }, 60_000);

  test("answers a ciphertext with any bit flipped with resend, and reads the good one after a thousand", async () => {
    const at = await attacked();
    await at.opener.openSession();
    const sealed = sealEnvelope(at.opener.envelope(), at.mallory.deviceKey);
    const good = await at.opener.frameOf(sealed);
    if (good.type !== "message") throw new Error("not a message");
    const before = databaseContent(at.world.databaseOf(at.bob.person));
    for (let chunk = 0; chunk < 20; chunk += 1) {
      const bad = Array.from({ length: 50 }, (_, index) => {
        const ciphertext = good.ciphertext.slice();
        const at = (chunk * 50 + index) % ciphertext.length;
        ciphertext[at] = (ciphertext[at] ?? 0) ^ (1 + (index % 255));
        return { ...good, ciphertext };
      });
      const answers = await at.opener.exchange(...bad);
      expect(new Set(types(answers))).toEqual(new Set(["resend"]));
      expect(answers).toHaveLength(50);
    }
    expect(databaseContent(at.world.databaseOf(at.bob.person))).toBe(before);
    expect(types(await at.opener.exchange(good))).toEqual(["ack"]);
    expect(at.bob.inbox()).toEqual(["message 1"]);
  }, 60_000);

  test("acknowledges the same frame again and again, on any lane, and shows it once", async () => {
    const at = await attacked();
    await at.opener.openSession();
    const frame = await at.opener.frameOf(sealEnvelope(at.opener.envelope(), at.mallory.deviceKey));
    for (let time = 0; time < 50; time += 1) expect(types(await at.opener.exchange(frame))).toEqual(["ack"]);
    await at.opener.openLane();
    const many = await at.opener.exchange(...Array.from({ length: 50 }, () => frame));
    expect(many.flatMap((answer) => (answer.type === "ack" ? answer.envelopeIds : []))).toHaveLength(50);
    expect(at.bob.inbox()).toEqual(["message 1"]);
  });

  test("shows a message once that comes again in a later session, and after a restart", async () => {
    const at = await attacked();
    await at.opener.openSession();
    const envelope = at.opener.envelope();
    const sealed = sealEnvelope(envelope, at.mallory.deviceKey);
    const recorded = await at.opener.frameOf(sealed);
    await at.opener.exchange(recorded);
    await at.opener.openSession();
    expect(types(await at.opener.exchange(await at.opener.frameOf(sealed)))).toEqual(["ack"]);
    const restarted = at.world.restart(at.bob);
    at.world.skip(365 * 24 * 60 * 60_000);
    await at.opener.openLane();
    expect(types(await at.opener.exchange(recorded))).toEqual(["ack"]);
    expect(types(await at.opener.exchange(await at.opener.frameOf(sealed)))).toEqual(["ack"]);
    expect(restarted.inbox()).toEqual(["message 1"]);
  });

  test("does not tell one device what another has stored here", async () => {
    const at = await attacked();
    await at.opener.openSession();
    const sealed = sealEnvelope(at.opener.envelope(), at.mallory.deviceKey);
    const frame = await at.opener.frameOf(sealed);
    await at.opener.exchange(frame);
    const eve = personOf("eve");
    await at.world.list(eve);
    const spy = await new HostileOpener(at.world, eve, at.bob.person).ready();
    const probe = await spy.frameOf({ plaintext: new Uint8Array(256), envelopeId: sealed.envelopeId });
    expect(refusals(await spy.exchange(probe))).toEqual([["ENVELOPE_INVALID", "padding"]]);
  });
});

describe("what is on disk", () => {
  test("is the session's state with the message: after a restart the next one is understood", async () => {
    const { world, bob, opener } = await attacked();
    await opener.openSession();
    await opener.write();
    await opener.write();
    world.restart(bob);
    await opener.openLane();
    expect(types(await opener.write())).toEqual(["ack"]);
  });

  test("is all of a batch or nothing", async () => {
    const at = await attacked();
    await at.opener.openSession();
    const frames = [];
    for (let count = 0; count < 5; count += 1) {
      frames.push(await at.opener.frameOf(sealEnvelope(at.opener.envelope(), at.mallory.deviceKey)));
    }
    const { add } = at.bob.store.inbox;
    let added = 0;
    Object.assign(at.bob.store.inbox, {
      add(...args: Parameters<typeof add>) {
        added += 1;
        if (added === 4) throw new ChatError("STORAGE", "the disk is full", { reason: "full" });
        add(...args);
      },
    });
    const before = databaseContent(at.world.databaseOf(at.bob.person));
    expect(refusals(await at.opener.exchange(...frames))).toEqual(Array(5).fill(["STORAGE", "full"]));
    expect(databaseContent(at.world.databaseOf(at.bob.person))).toBe(before);
    Object.assign(at.bob.store.inbox, { add });
    expect(types(await at.opener.exchange(...frames))).toEqual(["ack"]);
    expect(at.bob.inbox()).toHaveLength(5);
  });
});

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
    const body = encodeText("x".repeat(LIMITS.textMaxBytes));
    let stored = 0;
    for (; stored < LIMITS.strangerMaxMessages; stored += 1) {
      const answers = await at.opener.write({ body });
      if (refusals(answers).length > 0) break;
    }
    expect(stored).toBe(Math.floor(LIMITS.strangerMaxBytes / body.length));
    expect(at.bob.store.inbox.usage(at.mallory.username).bytes).toBeLessThanOrEqual(LIMITS.strangerMaxBytes);
  });
});

describe("order and holes", () => {
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

  test("holds a message back behind a hole for five seconds, then shows it with the hole marked", async () => {
    const at = await attacked();
    await at.opener.openSession();
    await at.opener.write();
    const missing = at.opener.envelope();
    await at.opener.write();
    await at.opener.write();
    await at.world.pass(4999);
    expect(at.bob.inbox()).toEqual(["message 1"]);
    await at.world.pass(1);
    expect(at.bob.inbox()).toEqual(["message 1", 1, "message 3", "message 4"]);
    await at.opener.exchange(await at.opener.frameOf(sealEnvelope(missing, at.mallory.deviceKey)));
    expect(at.bob.inbox()).toEqual(["message 1", 1, "message 3", "message 4", "message 2"]);
  });

  test("shows all in order when the missing one arrives in time", async () => {
    const at = await attacked();
    await at.opener.openSession();
    await at.opener.write();
    const missing = at.opener.envelope();
    await at.opener.write();
    await at.world.pass(4000);
    await at.opener.exchange(await at.opener.frameOf(sealEnvelope(missing, at.mallory.deviceKey)));
    expect(at.bob.inbox()).toEqual(["message 1", "message 2", "message 3"]);
  });

  test("gives every hole its own five seconds", async () => {
    const at = await attacked();
    await at.opener.openSession();
    await at.opener.write();
    const second = at.opener.envelope();
    await at.opener.write();
    await at.world.pass(4000);
    const filling = await at.opener.frameOf(sealEnvelope(second, at.mallory.deviceKey));
    at.opener.envelope();
    const fifth = await at.opener.frameOf(sealEnvelope(at.opener.envelope(), at.mallory.deviceKey));
    await at.opener.exchange(filling, fifth);
    await at.world.pass(4000);
    expect(at.bob.inbox()).toEqual(["message 1", "message 2", "message 3"]);
    await at.world.pass(1000);
    expect(at.bob.inbox()).toEqual(["message 1", "message 2", "message 3", 1, "message 5"]);
  });

  test("goes on waiting out a hole after a restart", async () => {
    const at = await attacked();
    await at.opener.openSession();
    await at.opener.write();
    at.opener.envelope();
    await at.opener.write();
    const restarted = at.world.restart(at.bob);
    expect(restarted.inbox()).toEqual(["message 1"]);
    await at.world.pass(5000);
    expect(restarted.inbox()).toEqual(["message 1", 1, "message 3"]);
  });

  test("shows a hole even when only a tombstone stands behind it", async () => {
    const at = await attacked();
    await at.opener.openSession();
    await at.opener.write();
    at.opener.envelope();
    await at.opener.write({ kind: "tombstone", body: encodeCbor({}) });
    await at.world.pass(5000);
    expect(at.bob.inbox()).toEqual(["message 1", 1]);
    const { messages } = await at.bob.operations.history({ with: "mallory" });
    expect(messages.map(({ text }) => text)).toEqual(["message 1"]);
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
    expect(types(await at.opener.write({ kind: "reaction", body: Uint8Array.of(1, 2, 3) }))).toEqual(["ack"]);
    expect(types(await at.opener.write())).toEqual(["ack"]);
    expect(at.bob.inbox()).toEqual(["message 2"]);
  });

  test("shows messages in order whatever their times say", async () => {
    const at = await attacked();
    await at.opener.openSession();
    const year = 365 * 24 * 60 * 60_000;
    for (const sentAt of [Date.UTC(2026) + 10 * year, 0, 8.64e15, Date.UTC(2026)]) await at.opener.write({ sentAt });
    expect(at.bob.inbox()).toEqual(["message 1", "message 2", "message 3", "message 4"]);
    const { messages } = await at.bob.operations.history({ with: "mallory" });
    expect(messages.map(({ sentAt }) => sentAt)).toContain("+275760-09-13T00:00:00.000Z");
    expect(messages.every(({ receivedAt }) => receivedAt.startsWith("2026-11-20"))).toBe(true);
  });
});

describe("frames that are no frames", () => {
  const bad: [string, Uint8Array, (string | null)[]][] = [
    ["garbage", Uint8Array.of(1, 2, 3), ["FRAME_INVALID", "cbor"]],
    ["nothing", new Uint8Array(), ["FRAME_INVALID", "cbor"]],
    ["another version", encodeCbor({ v: 2, type: "hello" }), ["VERSION_UNSUPPORTED", null]],
    ["an answer", encodeFrame({ type: "ack", envelopeIds: [new Uint8Array(32)] }), ["FRAME_INVALID", "type"]],
    [
      "a second hello",
      encodeFrame({ type: "hello", incarnation: new Uint8Array(16), stored: [] }),
      ["FRAME_INVALID", "hello"],
    ],
    ["deep nesting", new Uint8Array(60_000).fill(0x81), ["FRAME_INVALID", "cbor"]],
    ["more than a frame may have", new Uint8Array(LIMITS.frameMaxBytes + 1), ["FRAME_TOO_LARGE", null]],
  ];
  test.each(bad)("ends the lane after %s", async (_, bytes, refusal) => {
    const { bob, opener } = await attacked();
    expect(refusals(await opener.exchange(bytes))).toEqual([refusal]);
    expect(opener.ended).toBe(true);
    await opener.openLane();
    expect(types(await opener.openSession())).toEqual(["opened"]);
    expect(bob.failures).toEqual([]);
  });

  test("refuses everything before hello", async () => {
    const { opener } = await attacked();
    await opener.openLane({ greet: false });
    expect(refusals(await opener.openSession())).toEqual([["FRAME_INVALID", "hello"]]);
    expect(opener.ended).toBe(true);
  });

  test("answers a message of an unknown session with a reset", async () => {
    const at = await attacked();
    await at.opener.makeWelcome();
    const frame = await at.opener.frameOf(sealEnvelope(at.opener.envelope(), at.mallory.deviceKey));
    const before = databaseContent(at.world.databaseOf(at.bob.person));
    expect(types(await at.opener.exchange(frame, frame))).toEqual(["reset", "reset"]);
    expect(databaseContent(at.world.databaseOf(at.bob.person))).toBe(before);
  });
});

describe("links", () => {
  test("leave the body out", () => {
    const messageId = new Uint8Array(16);
    expect(linkOf({ prevHash: null, messageId })).toEqual(linkOf({ prevHash: new Uint8Array(32), messageId }));
  });
});
