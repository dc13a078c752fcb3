import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pad, unpad } from "../../shared/padding.ts";
import { PADDING_BUCKETS } from "../../shared/protocol.ts";
import { expectError } from "../support/expect-error.ts";

const LARGEST = Math.max(...PADDING_BUCKETS);

describe("padding", () => {
  test("gives back any content, from one of the buckets", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), (content) => {
        const padded = pad(content);
        expect(PADDING_BUCKETS).toContain(padded.length);
        expect(unpad(padded)).toEqual(content);
      }),
    );
  });

  test.each(PADDING_BUCKETS)("fills a bucket of %i to the last byte and its mark", (bucket) => {
    expect(pad(new Uint8Array(bucket - 1))).toHaveLength(bucket);
    if (bucket < LARGEST) expect(pad(new Uint8Array(bucket)).length).toBeGreaterThan(bucket);
  });

  test("refuses a content that no bucket holds", async () => {
    await expectError(() => pad(new Uint8Array(LARGEST)), "MESSAGE_TOO_LARGE");
  });

  const unsound: [string, Uint8Array][] = [
    ["nothing at all", new Uint8Array()],
    ["zeros only", new Uint8Array(256)],
    ["another mark", new Uint8Array(256).fill(1, 0, 1)],
    ["a length that is no bucket", Uint8Array.of(1, 0x80, 0)],
    ["a bucket that is too large for its content", pad(new Uint8Array(300)).fill(0, 1).fill(0x80, 1, 2)],
    ["a bucket and a byte", Uint8Array.of(...pad(Uint8Array.of(1)), 0)],
  ];
  test.each(unsound)("refuses %s", async (_, padded) => {
    await expectError(() => unpad(padded), "ENVELOPE_INVALID", "padding");
  });

  test("accepts one padded form of each content and nothing else", () => {
    const bytes = fc
      .tuple(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 0, max: 300 }))
      .map(([content, zeros]) => {
        return Uint8Array.of(...content, 0x80, ...new Uint8Array(zeros));
      });
    fc.assert(
      fc.property(bytes, (candidate) => {
        let content: Uint8Array | undefined;
        try {
          content = unpad(candidate);
        } catch {
          return;
        }
        expect(pad(content)).toEqual(candidate);
      }),
    );
  });
});
