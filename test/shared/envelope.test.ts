import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeCbor } from "../../shared/cbor.ts";
import { type Content, decodeContent, encodeContent } from "../../shared/content.ts";
import { rawPublicKey } from "../../shared/ed25519.ts";
import { type Envelope, linkOf, openEnvelope, openSigned, sealEnvelope } from "../../shared/envelope.ts";
import { isChatError } from "../../shared/errors.ts";
import { pad, unpad } from "../../shared/padding.ts";
import { LIMITS, PADDING_BUCKETS } from "../../shared/protocol.ts";
import { expectError } from "../support/expect-error.ts";
import { keyOf, personOf } from "../support/people.ts";
import { textBody } from "../support/text-body.ts";

const [alice, bob] = [personOf("alice"), personOf("bob")];
const [sender, recipient] = [rawPublicKey(alice.deviceKey), rawPublicKey(bob.deviceKey)];

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const envelope: fc.Arbitrary<Envelope> = fc.record({
  v: fc.constant(1 as const),
  sender: fc.constant(sender),
  recipient: fc.constant(recipient),
  incarnation: bytesOf(16),
  conversation: bytesOf(32),
  seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  prevHash: fc.option(bytesOf(32)),
  messageId: bytesOf(16),
  sentAt: fc.integer({ min: 0, max: 8.64e15 }),
  kind: fc.stringMatching(/^[a-z][a-z0-9-]{0,31}$/),
  body: fc.uint8Array({ maxLength: 2000 }),
});

const plain: Envelope = {
  v: 1,
  sender,
  recipient,
  incarnation: new Uint8Array(16),
  conversation: new Uint8Array(32),
  seq: 1,
  prevHash: null,
  messageId: new Uint8Array(16),
  sentAt: 0,
  kind: "text",
  body: textBody("hi"),
};

describe("envelopes", () => {
  test("gives back what was sealed, who signed, and the same id on both sides", () => {
    fc.assert(
      fc.property(envelope, (written) => {
        const sealed = sealEnvelope(written, alice.deviceKey);
        const opened = openEnvelope(sealed.plaintext);
        expect(opened).toMatchObject({ envelope: written, envelopeId: sealed.envelopeId, sender: alice.device });
        expect(openSigned(opened.signed)).toEqual(opened);
        expect(PADDING_BUCKETS).toContain(sealed.plaintext.length);
      }),
    );
  });

  test("opens nothing but what was sealed, and throws codes of its own, whatever the bytes", () => {
    const sealed = sealEnvelope(plain, alice.deviceKey);
    const mutated = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }).map((changes) => {
      const bytes = sealed.plaintext.slice();
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 300 })), (bytes) => {
        try {
          expect(openEnvelope(bytes).envelope).toEqual(plain);
          expect(Buffer.from(bytes).equals(sealed.plaintext)).toBe(true);
        } catch (error) {
          if (!isChatError(error, "ENVELOPE_INVALID", "VERSION_UNSUPPORTED")) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("gives every recipient device, sequence and text another id", () => {
    const ids = [plain, { ...plain, recipient: sender }, { ...plain, seq: 2 }, { ...plain, body: textBody("ho") }].map(
      (one) => Buffer.from(sealEnvelope(one, alice.deviceKey).envelopeId).toString("hex"),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("refuses a signature that is not the sender's", async () => {
    await expectError(
      () => openEnvelope(sealEnvelope(plain, keyOf("mallory")).plaintext),
      "ENVELOPE_INVALID",
      "signature",
    );
  });

  test("refuses a sender's key of small order, for which anybody can sign", async () => {
    const small = new Uint8Array(32);
    small[0] = 1;
    await expectError(
      () => openEnvelope(sealEnvelope({ ...plain, sender: small }, alice.deviceKey).plaintext),
      "ENVELOPE_INVALID",
      "signature",
    );
  });

  test("refuses content that is padded into a larger bucket than it needs", async () => {
    const small = sealEnvelope(plain, alice.deviceKey).plaintext;
    const wide = new Uint8Array(4096);
    wide.set(small);
    await expectError(() => openEnvelope(wide), "ENVELOPE_INVALID", "padding");
  });

  test("refuses members that it does not know beside the signature", () => {
    const { plaintext } = sealEnvelope(plain, alice.deviceKey);
    expect(unpad(plaintext).length).toBeGreaterThan(100);
    const more = pad(encodeCbor({ envelope: new Uint8Array(), signature: new Uint8Array(64), also: 1 }));
    return expectError(() => openEnvelope(more), "ENVELOPE_INVALID", "schema");
  });

  test("names another version", async () => {
    await expectError(
      () => openEnvelope(sealEnvelope({ ...plain, v: 2 as 1 }, alice.deviceKey).plaintext),
      "VERSION_UNSUPPORTED",
    );
  });

  test("holds the longest text there may be, and refuses what no bucket holds", async () => {
    const longest = { ...plain, seq: Number.MAX_SAFE_INTEGER, prevHash: new Uint8Array(32), sentAt: 8.64e15 };
    const text = "x".repeat(LIMITS.textMaxBytes);
    const id = new Uint8Array(LIMITS.messageIdBytes);
    const contents: Content[] = [
      { kind: "text", text, replyTo: id, expiresAt: 253_402_300_799_999 },
      { kind: "edit", text, target: id },
      { kind: "read", targets: Array.from({ length: LIMITS.readMarksPerMessage }, () => id) },
    ];
    for (const content of contents) {
      const sealed = sealEnvelope({ ...longest, kind: content.kind, body: encodeContent(content) }, alice.deviceKey);
      const { kind, body } = openEnvelope(sealed.plaintext).envelope;
      expect(decodeContent(kind, body)).toEqual(content);
    }
    const over = { ...longest, body: new Uint8Array(16_384) };
    await expectError(() => sealEnvelope(over, alice.deviceKey), "MESSAGE_TOO_LARGE");
  });
});

describe("links", () => {
  test("follow order and ids, and nothing else", () => {
    const first = linkOf({ prevHash: null, messageId: new Uint8Array(16) });
    const other = linkOf({ prevHash: null, messageId: new Uint8Array(16).fill(1) });
    const second = linkOf({ prevHash: first, messageId: new Uint8Array(16).fill(1) });
    expect(new Set([first, other, second].map((link) => Buffer.from(link).toString("hex"))).size).toBe(3);
  });
});
