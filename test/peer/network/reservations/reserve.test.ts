import { type Connection, StreamResetEvent } from "@libp2p/interface";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readExpiry, reserve } from "../../../../peer/network/reservations/reserve.ts";
import { isChatError } from "../../../../shared/errors.ts";
import { unhandledDuring } from "../../../support/unhandled.ts";

/** `HopMessage { type: STATUS, reservation: { expire: 300, addrs: [<2 bytes>] }, limit: {}, status: OK }` */
const ANSWER = Uint8Array.of(0x08, 2, 0x1a, 7, 0x08, 0xac, 2, 0x12, 2, 9, 9, 0x22, 0, 0x28, 100);

describe("a relay's answer", () => {
  test("says until when it gives a place", () => {
    expect(readExpiry(ANSWER)).toBe(300);
  });

  test.each([
    ["a refusal", Uint8Array.of(0x08, 2, 0x28, 0xc8, 1), { reason: "reservation", details: { status: 200 } }],
    ["no status", ANSWER.subarray(0, 13), { reason: "reservation" }],
    ["no reservation", Uint8Array.of(0x28, 100), { reason: "reservation" }],
    ["a reservation without an end", Uint8Array.of(0x1a, 0, 0x28, 100), { reason: "reservation" }],
    ["a number for a reservation", Uint8Array.of(0x18, 1, 0x28, 100), { reason: "reservation" }],
    ["bytes that end too soon", Uint8Array.of(0x1a, 9, 1), { reason: "reservation" }],
    ["a number without an end", new Uint8Array(12).fill(0xff), { reason: "reservation" }],
    ["nothing", new Uint8Array(), { reason: "reservation" }],
  ])("of %s is refused", (_, bytes, facts) => {
    expect(() => readExpiry(bytes)).toThrow(expect.objectContaining({ code: "PEER_UNREACHABLE", ...facts }));
  });

  test("of any bytes gives a time or a ChatError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          expect(Number.isSafeInteger(readExpiry(bytes))).toBe(true);
        } catch (error) {
          if (!isChatError(error, "PEER_UNREACHABLE")) throw error;
        }
      }),
    );
  });
});

describe("a relay that is asked for a place", () => {
  /** A stream that fails as it is written to. */
  class GoneStream extends EventTarget {
    send(): never {
      throw new Error("gone");
    }
    async close(): Promise<void> {
      this.dispatchEvent(new StreamResetEvent(new Error("gone")));
    }
    abort(): void {}
  }

  test("and is gone fails the asking, and nothing besides", async () => {
    const connection = { newStream: async () => new GoneStream() } as unknown as Connection;
    const unhandled = await unhandledDuring(() =>
      expect(reserve(connection, new AbortController().signal)).rejects.toThrow("gone"),
    );
    expect(unhandled).toEqual([]);
  });

  test("is not asked by whoever has given up before", async () => {
    const connection = { newStream: async () => new GoneStream() } as unknown as Connection;
    await expect(reserve(connection, AbortSignal.abort(new Error("gave up")))).rejects.toThrow("gave up");
  });
});
