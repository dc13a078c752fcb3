import { describe, expect, test } from "vitest";
import { encodeCbor } from "../../../../shared/cbor.ts";
import { directConversation } from "../../../../shared/conversation.ts";
import { publicKeyOfDevice } from "../../../../shared/device-id.ts";
import { signWithDomain } from "../../../../shared/ed25519.ts";
import { type Envelope, sealEnvelope } from "../../../../shared/envelope.ts";
import { ChatError } from "../../../../shared/errors.ts";
import { sha256 } from "../../../../shared/hash.ts";
import { pad, unpad } from "../../../../shared/padding.ts";
import { LIMITS, SIGNATURE_DOMAINS } from "../../../../shared/protocol.ts";
import { attacked, expectRefused } from "../../../support/attacked-peer.ts";
import { databaseContent } from "../../../support/database-bytes.ts";
import { HostileOpener, refusals, types } from "../../../support/hostile-opener.ts";
import { keyOf, personOf, recordOf } from "../../../support/people.ts";
import { textBody } from "../../../support/text-body.ts";

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
    ["a text over the limit", { body: textBody("x".repeat(LIMITS.textMaxBytes + 1)) }, ["ENVELOPE_INVALID", "size"]],
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

  test("refuses what another device of the same person has signed", async () => {
    const at = await attacked({ listed: false });
    const second = personOf("mallory", { device: "mallory second device" });
    const devices = [at.mallory, second].map(({ deviceKey }) => ({ key: deviceKey, addedAt: 0 }));
    at.world.directory.list(await recordOf(at.mallory, { devices }));
    await at.opener.openSession();
    const sender = publicKeyOfDevice(second.device);
    const start = at.opener.session;
    const sealed = sealEnvelope(at.opener.envelope({ sender, seq: 1, prevHash: null }), second.deviceKey);
    await expectRefused(at, await at.opener.frameOf(sealed), ["ENVELOPE_INVALID", "identity"]);
    at.opener.session = start;
    expect(types(await at.opener.write())).toEqual(["ack"]);
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
  });

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
  });

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
