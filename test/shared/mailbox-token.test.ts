import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { checkToken, makeToken, nonceOfToken } from "../../shared/mailbox-token.ts";
import { expectError } from "../support/expect-error.ts";

const key = new Uint8Array(32).fill(1);
const nonce = new Uint8Array(16).fill(2);
const token = makeToken(key, nonce);

describe("a mailbox token", () => {
  test("is its nonce and half an HMAC-SHA256 of it", () => {
    const mac = createHmac("sha256", key).update(nonce).digest().subarray(0, 16);
    expect(Buffer.from(token).equals(Buffer.concat([nonce, mac]))).toBe(true);
    expect(nonceOfToken(token)).toEqual(nonce);
  });

  test("is good for the box whose key made it", () => {
    expect(() => checkToken(key, token)).not.toThrow();
  });

  test("is no good for a box with another key, or in another length", async () => {
    await expectError(() => checkToken(new Uint8Array(32).fill(3), token), "TOKEN_INVALID", "mac");
    await expectError(() => checkToken(key, token.subarray(0, 31)), "TOKEN_INVALID", "mac");
    await expectError(() => checkToken(key, new Uint8Array(0)), "TOKEN_INVALID", "mac");
  });

  test("is no good with any bit flipped", async () => {
    for (let bit = 0; bit < token.length * 8; bit += 1) {
      const flipped = token.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await expectError(() => checkToken(key, flipped), "TOKEN_INVALID", "mac");
    }
  });
});
