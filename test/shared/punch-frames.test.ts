import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeCbor } from "../../shared/cbor.ts";
import { LIMITS } from "../../shared/protocol.ts";
import { decodePunchFrame, encodePunchFrame } from "../../shared/punch-frames.ts";
import { expectError } from "../support/expect-error.ts";

const endpoint = fc.record({ host: fc.oneof(fc.ipV4(), fc.ipV6()), port: fc.integer({ min: 1, max: 65_535 }) });

const meet = { v: 1, type: "meet", endpoints: [{ host: "52.10.0.1", port: 4001 }], moved: false };

test("carries where two sides come from, and when to dial", () => {
  const frames = fc.oneof(
    endpoint.map((one) => ({ type: "observed", endpoint: one }) as const),
    fc.record({
      type: fc.constant("meet" as const),
      endpoints: fc.array(endpoint, { maxLength: 2 }),
      moved: fc.boolean(),
    }),
    fc.constant({ type: "go" } as const),
  );
  fc.assert(
    fc.property(frames, (frame) => {
      const encoded = encodePunchFrame(frame);
      expect(encoded.length).toBeLessThanOrEqual(LIMITS.punchFrameMaxBytes);
      expect(decodePunchFrame(encoded)).toEqual({ v: 1, ...frame });
    }),
  );
});

describe("refuses", () => {
  test.each([
    ["more than one address of each kind", { ...meet, endpoints: Array.from({ length: 3 }, () => meet.endpoints[0]) }],
    ["a name for an address", { ...meet, endpoints: [{ host: "example.org", port: 4001 }] }],
    ["port 0", { ...meet, endpoints: [{ host: "52.10.0.1", port: 0 }] }],
    ["a port too high", { ...meet, endpoints: [{ host: "52.10.0.1", port: 65_536 }] }],
    ["an unknown member", { ...meet, also: 1 }],
    ["a missing member", { v: 1, type: "meet", endpoints: [] }],
    ["an unknown type", { v: 1, type: "come" }],
  ])("%s", async (_, frame) => {
    await expectError(() => decodePunchFrame(encodeCbor(frame)), "FRAME_INVALID");
  });

  test("another version", async () => {
    await expectError(() => decodePunchFrame(encodeCbor({ ...meet, v: 2 })), "VERSION_UNSUPPORTED");
  });

  test("a frame that is too large, unread", async () => {
    await expectError(() => decodePunchFrame(new Uint8Array(LIMITS.punchFrameMaxBytes + 1)), "FRAME_TOO_LARGE");
  });
});
