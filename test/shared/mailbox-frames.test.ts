import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeCbor } from "../../shared/cbor.ts";
import { ERROR_CODES, isChatError } from "../../shared/errors.ts";
import {
  BOX_KINDS,
  decodeMailboxAnswer,
  decodeMailboxRequest,
  encodeMailboxFrame,
  type MailboxAnswer,
  type MailboxFrameBody,
  type MailboxRequest,
} from "../../shared/mailbox-frames.ts";
import { LIMITS, MAILBOX_LIMITS, PARCEL_BUCKETS } from "../../shared/protocol.ts";
import { expectError } from "../support/expect-error.ts";

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const key = bytesOf(32);
const count = fc.maxSafeNat();
const place = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const parcel = fc
  .tuple(fc.constantFrom(...PARCEL_BUCKETS), fc.integer({ min: 0, max: 255 }))
  .map(([size, byte]) => new Uint8Array(size).fill(byte));
const numbered = { request: fc.integer({ min: 0, max: 0xffff_ffff }) };

const requests: Record<MailboxRequest["type"], fc.Arbitrary<object>> = {
  open: fc.record({
    ...numbered,
    box: key,
    kind: fc.constantFrom(...BOX_KINDS),
    tokenKey: fc.option(key),
    signature: bytesOf(64),
  }),
  fetch: fc.record({ ...numbered, box: key, after: count }),
  receipt: fc.record({
    ...numbered,
    box: key,
    places: fc.array(place, { minLength: 1, maxLength: MAILBOX_LIMITS.receiptMaxPlaces }),
    signature: bytesOf(64),
  }),
  deposit: fc.record({ ...numbered, box: key, token: fc.option(key), parcel }),
};

const answers: Record<MailboxAnswer["type"], fc.Arbitrary<object>> = {
  welcome: fc.record({
    store: bytesOf(16),
    challenge: key,
    limits: fc.record({ parcelsPerBox: count, bytesPerBox: count, keepSeconds: count }),
  }),
  opened: fc.record({ ...numbered, parcels: count, bytes: count }),
  parcel: fc.record({ ...numbered, box: key, place, storedAt: fc.nat(), parcel }),
  fetched: fc.record({ ...numbered, last: count, more: fc.boolean() }),
  deleted: fc.record(numbered),
  deposited: fc.record(numbered),
  notice: fc.record({ box: key }),
  refused: fc.record({
    ...numbered,
    code: fc.constantFrom(...ERROR_CODES),
    reason: fc.option(fc.string({ maxLength: 32 })),
  }),
};

const bodyOf = (type: string, rest: fc.Arbitrary<object>) =>
  rest.map((more) => ({ type, ...more }) as MailboxFrameBody);
const anyOf = (bodies: Record<string, fc.Arbitrary<object>>) =>
  fc.oneof(...Object.entries(bodies).map(([type, rest]) => bodyOf(type, rest)));

const directions = [
  ["requests", requests, decodeMailboxRequest],
  ["answers", answers, decodeMailboxAnswer],
] as const;

describe.each(directions)("mailbox %s", (_, bodies, decode) => {
  test.each(Object.entries<fc.Arbitrary<object>>(bodies))("gives back every %s", (type, rest) => {
    fc.assert(
      fc.property(bodyOf(type, rest), (sent) => {
        expect(decode(encodeMailboxFrame(sent))).toEqual({ v: 1, ...sent });
      }),
      { numRuns: 40 },
    );
  });

  test("throws codes of its own, whatever the bytes, and reads only what it would write", () => {
    const mutated = fc
      .tuple(anyOf(bodies), fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }))
      .map(([body, changes]) => {
        const bytes = encodeMailboxFrame(body).slice();
        for (const [at, byte] of changes) bytes[at % Math.min(bytes.length, 200)] = byte;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 200 })), (bytes) => {
        try {
          const { v: _v, ...body } = decode(bytes);
          expect(Buffer.from(encodeMailboxFrame(body)).equals(bytes)).toBe(true);
        } catch (error) {
          if (!isChatError(error, "FRAME_INVALID", "VERSION_UNSUPPORTED")) throw error;
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("reads no frame that is over its size, and tells another version from garbage", async () => {
    await expectError(() => decode(new Uint8Array(LIMITS.frameMaxBytes + 1)), "FRAME_TOO_LARGE");
    await expectError(() => decode(encodeCbor({ v: 2, type: "open" })), "VERSION_UNSUPPORTED");
  });
});

describe("a mailbox frame", () => {
  test.each(PARCEL_BUCKETS)("holds a parcel of %i bytes, whichever way it goes", (size) => {
    const bulk = { request: 0xffff_ffff, box: new Uint8Array(32), parcel: new Uint8Array(size) };
    const sent = encodeMailboxFrame({ type: "deposit", token: new Uint8Array(32), ...bulk });
    const got = encodeMailboxFrame({
      type: "parcel",
      place: Number.MAX_SAFE_INTEGER,
      storedAt: 253_402_300_799,
      ...bulk,
    });
    expect(Math.max(sent.length, got.length)).toBeLessThanOrEqual(LIMITS.frameMaxBytes);
  });

  test("is read from the side that may send it only", async () => {
    await expectError(
      () => decodeMailboxRequest(encodeMailboxFrame({ type: "deposited", request: 1 })),
      "FRAME_INVALID",
      "schema",
    );
    const fetch = encodeMailboxFrame({ type: "fetch", request: 1, box: new Uint8Array(32), after: 0 });
    await expectError(() => decodeMailboxAnswer(fetch), "FRAME_INVALID", "schema");
  });

  const deposit = {
    v: 1,
    type: "deposit",
    request: 1,
    box: new Uint8Array(32),
    token: null,
    parcel: new Uint8Array(2048),
  };
  const receipt = { v: 1, type: "receipt", request: 1, box: new Uint8Array(32), signature: new Uint8Array(64) };
  const refused: [string, unknown][] = [
    ["a parcel of another size", { ...deposit, parcel: new Uint8Array(2049) }],
    ["an empty parcel", { ...deposit, parcel: new Uint8Array(0) }],
    ["a short token", { ...deposit, token: new Uint8Array(31) }],
    ["a box of another length", { ...deposit, box: new Uint8Array(33) }],
    ["a number beyond 32 bits", { ...deposit, request: 2 ** 32 }],
    ["a negative number", { ...deposit, request: -1 }],
    ["an unknown member", { ...deposit, from: "alice" }],
    ["a missing member", { v: 1, type: "deposit", request: 1 }],
    ["a receipt for nothing", { ...receipt, places: [] }],
    ["a receipt for too much", { ...receipt, places: new Array(257).fill(1) }],
    ["a receipt for place zero", { ...receipt, places: [0] }],
    ["an unknown kind", { ...receipt, type: "open", kind: "all", tokenKey: null }],
    ["an unknown type", { v: 1, type: "list", request: 1 }],
  ];
  test.each(refused)("is refused with %s", async (_, value) => {
    await expectError(() => decodeMailboxRequest(encodeCbor(value)), "FRAME_INVALID", "schema");
  });
});
