import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeFrames, FrameParser } from "../../../../peer/network/streams/framing.ts";
import { ChatError } from "../../../../shared/errors.ts";

const MAX = 64;

const anyFrame = fc.uint8Array({ minLength: 1, maxLength: MAX });

/** Cuts bytes at the given places, wherever they fall. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

function parse(chunks: readonly Uint8Array[]): { frames: Uint8Array[]; parser: FrameParser; code: string | undefined } {
  const parser = new FrameParser(MAX);
  const frames: Uint8Array[] = [];
  try {
    for (const chunk of chunks) parser.push(chunk, frames);
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    return { frames, parser, code: error.code };
  }
  return { frames, parser, code: undefined };
}

const plain = (frames: readonly Uint8Array[]) => frames.map((frame) => [...frame]);

describe("reading", () => {
  test("gives back every frame however the bytes are cut", () => {
    fc.assert(
      fc.property(fc.array(anyFrame), fc.array(fc.nat()), (frames, places) => {
        const { frames: read, parser, code } = parse(cut(encodeFrames(frames, MAX), places));
        expect(plain(read)).toEqual(plain(frames));
        expect(parser.partial).toBe(false);
        expect(code).toBeUndefined();
      }),
    );
  });

  test("knows at every byte whether a frame is incomplete", () => {
    const first = encodeFrames([Uint8Array.of(1, 2, 3)], MAX);
    const parser = new FrameParser(MAX);
    const partial = [...encodeFrames([Uint8Array.of(1, 2, 3), Uint8Array.of(4)], MAX)].map((byte) => {
      parser.push(Uint8Array.of(byte), []);
      return parser.partial;
    });
    expect(partial).toEqual([...first, 0, 0, 0, 1, 4].map((_, index) => index !== 6 && index !== 11));
  });

  test("does not copy a frame that arrived in one piece", () => {
    const chunk = encodeFrames([Uint8Array.of(7, 7)], MAX);
    expect(parse([chunk]).frames[0]?.buffer).toBe(chunk.buffer);
  });

  test.each([
    { name: "one byte too long", prefix: [0, 0, 0, MAX + 1], code: "FRAME_TOO_LARGE" },
    { name: "4 GiB", prefix: [255, 255, 255, 255], code: "FRAME_TOO_LARGE" },
    { name: "empty", prefix: [0, 0, 0, 0], code: "FRAME_INVALID" },
  ])("refuses a frame that says it is $name at its prefix, and hands out those before it", ({ prefix, code }) => {
    fc.assert(
      fc.property(fc.array(anyFrame), fc.array(fc.nat()), (frames, places) => {
        const result = parse(cut(Uint8Array.of(...encodeFrames(frames, MAX), ...prefix), places));
        expect(result.code).toBe(code);
        expect(plain(result.frames)).toEqual(plain(frames));
      }),
    );
  });

  test("never throws anything but its two codes, whatever comes", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (chunks) => {
        expect([undefined, "FRAME_TOO_LARGE", "FRAME_INVALID"]).toContain(parse(chunks).code);
      }),
    );
  });
});

describe("writing", () => {
  test("puts a big-endian length before each frame", () => {
    expect([...encodeFrames([Uint8Array.of(9), new Uint8Array(MAX)], MAX)]).toEqual([
      ...[0, 0, 0, 1, 9],
      ...[0, 0, 0, MAX],
      ...new Uint8Array(MAX),
    ]);
  });

  test.each([
    { length: MAX + 1, code: "FRAME_TOO_LARGE" },
    { length: 0, code: "FRAME_INVALID" },
  ])("refuses a frame of $length bytes", ({ length, code }) => {
    expect(() => encodeFrames([Uint8Array.of(1), new Uint8Array(length)], MAX)).toThrow(
      expect.objectContaining({ code }),
    );
  });
});
