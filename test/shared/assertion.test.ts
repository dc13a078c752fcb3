import type { KeyObject } from "node:crypto";
import { describe, expect, test } from "vitest";
import { signAssertion, verifyAssertion } from "../../shared/assertion.ts";
import { signJws } from "../../shared/jws.ts";
import { JWS_TYPES } from "../../shared/protocol.ts";
import { expectError } from "../support/expect-error.ts";
import { AUDIENCE, addressRecordOf, NOW_MS, NOW_SECONDS, personOf, recordTextOf } from "../support/people.ts";

const bob = personOf("bob");
const carol = personOf("carol");
const expected = { aud: AUDIENCE, nowMs: NOW_MS };
const claims = {
  iss: bob.username,
  sub: bob.username,
  aud: AUDIENCE,
  jti: "0123456789abcdef",
  iat: NOW_SECONDS,
  exp: NOW_SECONDS + 60,
};

function assertion(
  change: Record<string, unknown> = {},
  signer: { typ?: string; key?: KeyObject; kid?: string | undefined } = {},
): Promise<string> {
  const { typ = JWS_TYPES.assertion, key = bob.deviceKey } = signer;
  const kid = "kid" in signer ? signer.kid : bob.device;
  return signJws({ ...claims, ...change }, { typ, key, ...(kid === undefined ? {} : { kid }) });
}

describe("an assertion", () => {
  test("tells the server who asks, from which device", async () => {
    const text = await signAssertion(claims, bob.device, bob.deviceKey);
    expect(await verifyAssertion(text, expected)).toEqual({ claims, device: bob.device });
  });

  test.each([
    ["no expiry", { exp: undefined }],
    ["no time of issue", { iat: undefined }],
    ["a not-before", { nbf: NOW_SECONDS }],
    ["a list of audiences", { aud: [AUDIENCE, "https://evil.example"] }],
    ["no audience", { aud: undefined }],
    ["a short jti", { jti: "1" }],
    ["a long jti", { jti: "1".repeat(65) }],
    ["a jti of which no database makes a text", { jti: "\0".repeat(16) }],
    ["a jti that is not ASCII", { jti: "é".repeat(16) }],
    ["a name that is none", { sub: "Bob" }],
    ["an unknown claim", { scope: "admin" }],
    ["a time with a fraction", { iat: NOW_SECONDS + 0.5 }],
  ])("is refused with %s", async (_, change) => {
    await expectError(verifyAssertion(await assertion(change), expected), "TOKEN_INVALID", "payload");
  });

  test("is refused when issuer and subject differ", async () => {
    await expectError(verifyAssertion(await assertion({ iss: "carol" }), expected), "TOKEN_INVALID", "iss");
  });

  test.each([`${AUDIENCE}/`, "https://evil.example", "http://names.example.org", ""])(
    "is refused for audience %j, and told the right one",
    async (aud) => {
      const error = await expectError(verifyAssertion(await assertion({ aud }), expected), "TOKEN_INVALID", "aud");
      expect(error.details).toEqual({ expectedAudience: AUDIENCE });
    },
  );

  test.each([
    ["91 s", { exp: NOW_SECONDS + 91 }],
    ["until the year 9999", { exp: 253_402_300_799 }],
    ["no time at all", { exp: NOW_SECONDS }],
    ["backwards", { exp: NOW_SECONDS - 1 }],
  ])("is refused when it lives %s", async (_, change) => {
    await expectError(verifyAssertion(await assertion(change), expected), "TOKEN_INVALID", "exp");
  });

  test.each([
    ["expired 31 s ago", NOW_SECONDS - 91],
    ["issued 31 s ahead", NOW_SECONDS + 31],
    ["issued an hour ahead", NOW_SECONDS + 3600],
    ["issued a day ago", NOW_SECONDS - 86_400],
  ])("is refused when %s, and told the server's time", async (_, iat) => {
    const error = await expectError(verifyAssertion(await assertion({ iat, exp: iat + 60 }), expected), "CLOCK_SKEW");
    expect(error.details).toEqual({ serverTime: NOW_SECONDS });
  });

  test.each([
    ["expired 30 s ago", NOW_SECONDS - 90],
    ["issued 30 s ahead", NOW_SECONDS + 30],
  ])("holds when %s", async (_, iat) => {
    await verifyAssertion(await assertion({ iat, exp: iat + 60 }), expected);
  });

  test("is refused when another key than that of its kid signed it", async () => {
    const text = await assertion({}, { key: carol.deviceKey });
    await expectError(verifyAssertion(text, expected), "TOKEN_INVALID", "signature");
  });

  test.each([undefined, "", "bob", `${bob.device}x`])("is refused with the kid %j", async (kid) => {
    await expectError(verifyAssertion(await assertion({}, { kid }), expected), "TOKEN_INVALID", "kid");
  });

  test("is nothing else that is signed, nor is anything else an assertion", async () => {
    const others = [await addressRecordOf(bob), await recordTextOf(bob), await assertion({}, { typ: "at+jwt" })];
    for (const text of others) await expectError(verifyAssertion(text, expected), "TOKEN_INVALID", "typ");
  });

  test("is refused over 2 KiB", async () => {
    await expectError(verifyAssertion("a".repeat(2049), expected), "TOKEN_INVALID", "size");
  });
});
