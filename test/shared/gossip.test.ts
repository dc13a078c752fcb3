import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeCbor } from "../../shared/cbor.ts";
import { decodeGossip, encodeGossip, encodeLogClaim, LOG_CLAIM_BYTES, readLogClaim } from "../../shared/gossip.ts";
import { LIMITS } from "../../shared/protocol.ts";
import { expectError } from "../support/expect-error.ts";

test("notes come back as they were sent", () => {
  const notes = fc.array(fc.string({ maxLength: 100 }), { maxLength: LIMITS.gossipMaxNotes });
  fc.assert(
    fc.property(notes, (some) => {
      expect(decodeGossip(encodeGossip(some))).toEqual(some);
    }),
  );
});

describe("a frame is refused", () => {
  const frame = { v: 1, type: "checkpoints", notes: ["a"] };
  test.each([
    ["of another version", { ...frame, v: 2 }, "VERSION_UNSUPPORTED"],
    ["of another type", { ...frame, type: "hello" }, "FRAME_INVALID"],
    ["with more members", { ...frame, more: 1 }, "FRAME_INVALID"],
    ["with more notes than anybody needs", { ...frame, notes: Array(9).fill("a") }, "FRAME_INVALID"],
    ["with a note of more bytes than any has", { ...frame, notes: ["a".repeat(4097)] }, "FRAME_INVALID"],
    ["that is no map", ["checkpoints"], "FRAME_INVALID"],
  ] as const)("%s", async (_what, value, code) => {
    await expectError(() => decodeGossip(encodeCbor(value)), code);
  });

  test("that is cut short", async () => {
    const whole = encodeGossip(["note"]);
    for (let length = 0; length < whole.length; length += 1) {
      await expectError(() => decodeGossip(whole.subarray(0, length)), "FRAME_INVALID");
    }
  });
});

test("a claim is forty bytes, and comes back", () => {
  const root = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(fc.maxSafeNat(), root, (size, any) => {
      const bytes = encodeLogClaim({ size, root: any });
      expect(bytes).toHaveLength(LOG_CLAIM_BYTES);
      expect(readLogClaim(bytes)).toEqual({ size, root: Uint8Array.from(any) });
    }),
  );
});

test("what is no claim is none", () => {
  expect(readLogClaim(new Uint8Array())).toBeUndefined();
  expect(readLogClaim(new Uint8Array(39))).toBeUndefined();
  expect(readLogClaim(new Uint8Array(41))).toBeUndefined();
  expect(readLogClaim(new Uint8Array(40).fill(255))).toBeUndefined();
});
