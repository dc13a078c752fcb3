import type { KeyObject } from "node:crypto";
import { describe, expect, test } from "vitest";
import { openSqliteStore } from "../../naming-server/storage/sqlite-store.ts";
import { privateKeyObject, rawPublicKey } from "../../shared/ed25519.ts";
import { ed25519, forge, hmac, nothing } from "../support/forged-jws.ts";
import { assertionOf, call, refusal, register, signIn, startTestServer } from "../support/naming-server.ts";
import { keyOf, NOW_MS, personOf } from "../support/people.ts";

const bob = personOf("bob");
const mallory = personOf("mallory");

async function startWithBob() {
  const server = await startTestServer();
  await register(server, bob);
  return server;
}

describe("an access token", () => {
  async function issuerKeyOf(server: { databasePath: string }): Promise<KeyObject> {
    const store = openSqliteStore(server.databasePath);
    const [current] = await store.listSigningKeys();
    await store.close();
    return privateKeyObject(current?.seed ?? new Uint8Array());
  }

  test("that is missing is refused in another way than one of another scheme", async () => {
    const server = await startWithBob();
    const missing = await call(server, "GET", "/v1/names/bob");
    expect(refusal(missing)).toEqual({ status: 401, code: "TOKEN_MISSING" });
    expect(missing.headers.get("www-authenticate")).toBe("Bearer");
    const basic = await call(server, "GET", "/v1/names/bob", { headers: { authorization: "Basic Ym9iOng=" } });
    expect(refusal(basic)).toEqual({ status: 401, code: "TOKEN_INVALID", reason: "scheme" });
  });

  test("lasts ten minutes and the tolerated skew", async () => {
    const server = await startWithBob();
    const token = await signIn(server, bob);
    const look = () => call(server, "GET", "/v1/names/bob", { token });
    server.clock.nowMs = NOW_MS + 603_000;
    expect((await look()).status).toBe(200);
    server.clock.nowMs = NOW_MS + 631_000;
    expect(refusal(await look())).toEqual({ status: 401, code: "TOKEN_INVALID", reason: "exp" });
    server.clock.nowMs = NOW_MS - 31_000;
    expect(refusal(await look())).toEqual({ status: 401, code: "TOKEN_INVALID", reason: "exp" });
  });

  test("that is forged in any way is refused", async () => {
    const server = await startWithBob();
    const token = await signIn(server, bob);
    const [head = "", body = "", signature = ""] = token.split(".");
    const header = JSON.parse(Buffer.from(head, "base64url").toString());
    const claims = JSON.parse(Buffer.from(body, "base64url").toString());
    const key = await issuerKeyOf(server);
    const signed = (headerChange: object, claimsChange: object) =>
      forge({ ...header, ...headerChange }, { ...claims, ...claimsChange }, ed25519(key));
    const forgeries: [string, string][] = [
      [forge({ ...header, alg: "none" }, claims, nothing), "alg"],
      [forge({ ...header, alg: "HS256" }, claims, hmac(rawPublicKey(key))), "alg"],
      [forge(header, { ...claims, sub: "mallory" }, () => Buffer.from(signature, "base64url")), "signature"],
      [forge(header, claims, ed25519(keyOf("mallory"))), "signature"],
      [signed({ kid: "unknown" }, {}), "kid"],
      [signed({ typ: "JWT" }, {}), "typ"],
      [signed({ crit: ["exp"] }, {}), "header"],
      [signed({}, { aud: [server.publicUrl] }), "payload"],
      [signed({}, { aud: "https://other.example" }), "aud"],
      [signed({}, { iss: "https://other.example" }), "iss"],
      [signed({}, { exp: undefined }), "payload"],
      [signed({}, { exp: 253_402_300_799 }), "exp"],
      [signed({}, { device: mallory.device }), "device"],
      [signed({}, { admin: true }), "payload"],
      [`${token}=`, "form"],
      [`${head}.${body}`, "form"],
      [`${"x".repeat(2000)}.${body}.${signature}`, "size"],
      [await assertionOf(bob, NOW_MS), "typ"],
    ];
    for (const [forgery, reason] of forgeries) {
      const answer = await call(server, "GET", "/v1/names/bob", { token: forgery });
      expect(refusal(answer)).toEqual({ status: 401, code: "TOKEN_INVALID", reason });
      expect(answer.headers.get("www-authenticate")).toBe('Bearer error="invalid_token"');
    }
    expect((await call(server, "GET", "/v1/names/bob", { token })).status).toBe(200);
  });

  test("outlives the key that signed it, which stays published until its tokens are gone", async () => {
    const server = await startWithBob();
    const before = (await call(server, "GET", "/.well-known/jwks.json")).json as { keys: { kid: string }[] };
    server.clock.nowMs += (30 * 86_400 - 1) * 1000;
    const token = await signIn(server, bob);
    server.clock.nowMs += 2_000;
    expect((await call(server, "GET", "/v1/names/bob", { token })).status).toBe(200);
    const after = (await call(server, "GET", "/.well-known/jwks.json")).json as { keys: { kid: string }[] };
    expect(after.keys.map(({ kid }) => kid)).toEqual(expect.arrayContaining(before.keys.map(({ kid }) => kid)));
    const renewed = await signIn(server, bob);
    const kidOf = (text: string) => JSON.parse(Buffer.from(text.split(".")[0] ?? "", "base64url").toString()).kid;
    expect([kidOf(token), kidOf(renewed)]).toEqual(before.keys.map(({ kid }) => kid));
  });
});
