import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeCbor } from "../../shared/cbor.ts";
import { ERROR_CODES, isChatError } from "../../shared/errors.ts";
import { decodeFrame, encodeFrame, type Frame, type FrameBody } from "../../shared/frames.ts";
import { LIMITS } from "../../shared/protocol.ts";
import { expectError } from "../support/expect-error.ts";

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const [id, key, tag] = [bytesOf(32), bytesOf(32), bytesOf(16)];
const mark = fc.record({
  incarnation: tag,
  conversation: id,
  seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
});
const addressed = { sessionId: id, recipientDevice: key };
const username = fc.stringMatching(/^[a-y]{3,32}$/).filter((name) => !["admin", "root", "support"].includes(name));

const bodies: Record<Frame["type"], fc.Arbitrary<unknown>> = {
  hello: fc.record({ incarnation: tag, stored: fc.array(mark, { maxLength: LIMITS.helloMaxMarks }) }),
  prove: fc.record({ incarnation: tag, conversation: id }),
  proof: fc.record({ signed: fc.option(fc.uint8Array()) }),
  open: fc.record({ ...addressed, hint: username, welcome: fc.uint8Array() }),
  message: fc.record({ ...addressed, envelopeId: id, ciphertext: fc.uint8Array() }),
  commit: fc.record({ ...addressed, commit: fc.uint8Array() }),
  grant: fc.record({
    seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    key: bytesOf(LIMITS.sealKeyBytes),
    boxes: fc.array(fc.record({ relay: fc.string({ maxLength: 64 }), box: key, tokens: fc.array(id) }), {
      maxLength: LIMITS.mailboxRecordMaxBoxes,
    }),
  }),
  granted: fc.record({ seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }) }),
  opened: fc.record({ sessionId: id }),
  committed: fc.record({ sessionId: id, commitHash: id, applied: fc.boolean() }),
  ack: fc.record({ envelopeIds: fc.array(id, { minLength: 1, maxLength: LIMITS.sendWindowMessages }) }),
  resend: fc.record({ sessionId: id, envelopeId: id }),
  reset: fc.record({ sessionId: id, signature: bytesOf(64) }),
  refuse: fc.record({
    subject: fc.option(id),
    code: fc.constantFrom(...ERROR_CODES),
    reason: fc.option(fc.string({ maxLength: 32 })),
  }),
};

/** Any frame that may be sent. */
const frame = fc.oneof(
  ...Object.entries(bodies).map(([type, body]) => body.map((rest) => ({ type, ...(rest as object) }) as FrameBody)),
);

describe("frames", () => {
  test.each(Object.keys(bodies))("gives back every %s", (type) => {
    const body = bodies[type as Frame["type"]].map((rest) => ({ type, ...(rest as object) }) as FrameBody);
    fc.assert(
      fc.property(body, (sent) => {
        try {
          expect(decodeFrame(encodeFrame(sent))).toEqual({ v: 1, ...sent });
        } catch (error) {
          // the few words that nobody may be called
          if (!("hint" in sent) || !isChatError(error, "FRAME_INVALID")) throw error;
        }
      }),
    );
  });

  test("throws codes of its own, whatever the bytes, and reads only what it would write", () => {
    const mutated = fc
      .tuple(frame, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }))
      .map(([body, changes]) => {
        const bytes = encodeFrame(body).slice();
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 200 })), (bytes) => {
        try {
          const { v: _, ...body } = decodeFrame(bytes);
          expect(Buffer.from(encodeFrame(body as FrameBody)).equals(bytes)).toBe(true);
        } catch (error) {
          if (!isChatError(error, "FRAME_INVALID", "VERSION_UNSUPPORTED")) throw error;
        }
      }),
      { numRuns: 3000 },
    );
  });

  test("refuses a frame cut at any byte", async () => {
    const whole = encodeFrame({ type: "ack", envelopeIds: [new Uint8Array(32)] });
    for (let length = 0; length < whole.length; length += 1) {
      await expectError(() => decodeFrame(whole.subarray(0, length)), "FRAME_INVALID", "cbor");
    }
  });

  const ack = { v: 1, type: "ack", envelopeIds: [new Uint8Array(32)] };
  const refused: [string, unknown][] = [
    ["an unknown type", { ...ack, type: "nack" }],
    ["no type", { v: 1, envelopeIds: ack.envelopeIds }],
    ["an unknown member", { ...ack, extra: 1 }],
    ["a missing member", { v: 1, type: "ack" }],
    ["an id of another length", { ...ack, envelopeIds: [new Uint8Array(31)] }],
    ["an id as a text", { ...ack, envelopeIds: ["a".repeat(32)] }],
    ["no ids", { ...ack, envelopeIds: [] }],
    ["more ids than a window", { ...ack, envelopeIds: new Array(65).fill(new Uint8Array(32)) }],
    ["an unknown code", { v: 1, type: "refuse", subject: null, code: "NO", reason: null }],
    ["a long reason", { v: 1, type: "refuse", subject: null, code: "QUOTA", reason: "x".repeat(33) }],
    [
      "a hint that is no name",
      {
        v: 1,
        type: "open",
        sessionId: new Uint8Array(32),
        recipientDevice: new Uint8Array(32),
        hint: "../Bob",
        welcome: new Uint8Array(),
      },
    ],
    [
      "a mark of zero",
      {
        v: 1,
        type: "hello",
        incarnation: new Uint8Array(16),
        stored: [{ incarnation: new Uint8Array(16), conversation: new Uint8Array(32), seq: 0 }],
      },
    ],
    [
      "too many marks",
      {
        v: 1,
        type: "hello",
        incarnation: new Uint8Array(16),
        stored: new Array(17).fill({ incarnation: new Uint8Array(16), conversation: new Uint8Array(32), seq: 1 }),
      },
    ],
    ["an array", [1]],
    ["a text", "hello"],
    ["nothing in it", {}],
  ];
  test.each(refused)("refuses %s", async (_, value) => {
    await expectError(() => decodeFrame(encodeCbor(value)), "FRAME_INVALID", "schema");
  });

  test("tells another version from garbage", async () => {
    await await expectError(() => decodeFrame(encodeCbor({ v: 2, type: "hello", more: {} })), "VERSION_UNSUPPORTED");
    await expectError(() => decodeFrame(encodeCbor({ v: 0 })), "VERSION_UNSUPPORTED");
    await expectError(() => decodeFrame(encodeCbor({ v: "1" })), "FRAME_INVALID", "schema");
  });

  test("reads no frame that is over its size", async () => {
    await expectError(() => decodeFrame(new Uint8Array(LIMITS.frameMaxBytes + 1)), "FRAME_TOO_LARGE");
  });
});
