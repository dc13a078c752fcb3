import { createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { tokenSchema } from "../../../shared/api.ts";
import { encodeBase64url } from "../../../shared/base64url.ts";
import { rawPublicKey } from "../../../shared/ed25519.ts";
import { signJws } from "../../../shared/jws.ts";
import { JWS_TYPES } from "../../../shared/protocol.ts";
import { ed25519, forge, hmac, nothing } from "../../support/forged-jws.ts";
import {
  assertionOf,
  call,
  claimsOf,
  refusal,
  register,
  requestToken,
  startTestServer,
} from "../../support/naming-server.ts";
import { NOW_MS, NOW_SECONDS, personOf, recordTextOf } from "../../support/people.ts";

const bob = personOf("bob");
const mallory = personOf("mallory");

async function startWithBob() {
  const server = await startTestServer();
  await register(server, bob);
  return server;
}

const assertionHeader = { alg: "Ed25519", typ: JWS_TYPES.assertion, kid: bob.device };

describe("a token", () => {
  test("is given for an assertion of a listed device, and opens the server", async () => {
    const server = await startWithBob();
    const answer = await requestToken(server, await assertionOf(bob, NOW_MS));
    const { access_token: token, expires_in } = tokenSchema.parse(answer.json);
    expect([answer.status, expires_in, answer.headers.get("cache-control")]).toEqual([200, 600, "no-store"]);
    expect((await call(server, "GET", "/v1/names/bob", { token })).status).toBe(200);
    const [header, claims] = token.split(".").map((part) => Buffer.from(part, "base64url").toString());
    const { keys } = (await call(server, "GET", "/.well-known/jwks.json")).json as { keys: { kid: string }[] };
    expect(JSON.parse(header ?? "")).toEqual({ alg: "Ed25519", typ: "at+jwt", kid: keys[0]?.kid });
    expect(JSON.parse(claims ?? "")).toMatchObject({
      iss: server.publicUrl,
      aud: server.publicUrl,
      sub: "bob",
      device: bob.device,
      iat: NOW_SECONDS,
      exp: NOW_SECONDS + 600,
    });
  });

  test("is given once for an assertion, though it comes fifty times at once", async () => {
    const server = await startWithBob();
    const assertion = await assertionOf(bob, NOW_MS);
    const answers = await Promise.all(Array.from({ length: 50 }, () => requestToken(server, assertion)));
    const refused = answers.filter(({ status }) => status !== 200).map(refusal);
    expect(refused).toEqual(Array.from({ length: 49 }, () => ({ status: 409, code: "TOKEN_REPLAYED" })));
  });

  test("is not given twice by another instance or after a restart", async () => {
    const server = await startWithBob();
    const { databasePath, clock } = server;
    const assertion = await assertionOf(bob, NOW_MS);
    const second = await startTestServer({ databasePath, clock });
    expect((await requestToken(server, assertion)).status).toBe(200);
    expect(refusal(await requestToken(second, assertion))).toEqual({ status: 409, code: "TOKEN_REPLAYED" });
    await Promise.all([server.stop(), second.stop()]);
    const restarted = await startTestServer({ databasePath, clock });
    expect(refusal(await requestToken(restarted, assertion))).toEqual({ status: 409, code: "TOKEN_REPLAYED" });
  });

  test.each([
    ["an unknown name", mallory],
    ["a device that the name does not list", personOf("bob", { device: "another device" })],
  ])("is not given to %s, in the same words", async (_what, person) => {
    const server = await startWithBob();
    const answer = await requestToken(server, await assertionOf(person, NOW_MS));
    expect(answer.headers.get("www-authenticate")).toBe('Bearer error="invalid_token"');
    expect(answer.json).toEqual({
      type: "urn:p2pchat:problem:token-invalid",
      title: "Unauthorized",
      status: 401,
      code: "TOKEN_INVALID",
      detail: "the name does not list this device",
      reason: "device",
    });
  });

  test("is not given for a record, nor for another name's assertion", async () => {
    const server = await startWithBob();
    expect(refusal(await requestToken(server, await recordTextOf(bob)))).toMatchObject({ status: 401, reason: "typ" });
    const crossed = await assertionOf(bob, NOW_MS, { sub: mallory.username });
    expect(refusal(await requestToken(server, crossed))).toEqual({ status: 401, code: "TOKEN_INVALID", reason: "iss" });
  });
});

describe("an assertion", () => {
  const claims = claimsOf(bob, NOW_MS);
  const publicKey = rawPublicKey(bob.deviceKey);
  const spkiText = createPublicKey(bob.deviceKey).export({ format: "pem", type: "spki" });
  const own = generateKeyPairSync("ed25519").privateKey;
  const ed448 = generateKeyPairSync("ed448").privateKey;
  const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const es256 = (input: Buffer) => sign("sha256", input, { key: p256, dsaEncoding: "ieee-p1363" });
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const rs256 = (input: Buffer) => sign("sha256", input, rsa);

  test.each([
    ["without a signature (none)", forge({ ...assertionHeader, alg: "none" }, claims, nothing), "alg"],
    ["without a signature (None)", forge({ ...assertionHeader, alg: "None" }, claims, nothing), "alg"],
    ["with an empty signature", forge(assertionHeader, claims, nothing), "signature"],
    ["by HMAC over the raw public key", forge({ ...assertionHeader, alg: "HS256" }, claims, hmac(publicKey)), "alg"],
    [
      "by HMAC over the public key's SPKI text",
      forge({ ...assertionHeader, alg: "HS256" }, claims, hmac(spkiText)),
      "alg",
    ],
    [
      "by HMAC over the key's x",
      forge({ ...assertionHeader, alg: "HS256" }, claims, hmac(encodeBase64url(publicKey))),
      "alg",
    ],
    [
      "by the polymorphic name of its algorithm",
      forge({ ...assertionHeader, alg: "EdDSA" }, claims, ed25519(bob.deviceKey)),
      "alg",
    ],
    ["by ES256 with a key of its own", forge({ ...assertionHeader, alg: "ES256" }, claims, es256), "alg"],
    ["by RS256 with a key of its own", forge({ ...assertionHeader, alg: "RS256" }, claims, rs256), "alg"],
    ["by Ed448 with a key of its own", forge({ ...assertionHeader, alg: "Ed448" }, claims, ed25519(ed448)), "alg"],
    ["by Ed448 as EdDSA", forge({ ...assertionHeader, alg: "EdDSA" }, claims, ed25519(ed448)), "alg"],
    ["by Ed448 as Ed25519", forge(assertionHeader, claims, ed25519(ed448)), "signature"],
    ["by another's key", forge(assertionHeader, claims, ed25519(own)), "signature"],
    [
      "with a key of its own in the header",
      forge({ ...assertionHeader, jwk: own.export({ format: "jwk" }) }, claims, ed25519(own)),
      "header",
    ],
    ["with a key to fetch", forge({ ...assertionHeader, jku: "http://127.0.0.1:1/" }, claims, ed25519(own)), "header"],
    [
      "with a certificate to fetch",
      forge({ ...assertionHeader, x5u: "http://127.0.0.1:1/" }, claims, ed25519(own)),
      "header",
    ],
    ["with a certificate of its own", forge({ ...assertionHeader, x5c: ["MIIB"] }, claims, ed25519(own)), "header"],
    ["with an unknown crit", forge({ ...assertionHeader, crit: ["exp"] }, claims, ed25519(bob.deviceKey)), "header"],
    ["of another type", forge({ ...assertionHeader, typ: "JWT" }, claims, ed25519(bob.deviceKey)), "typ"],
    ["without a type", forge({ alg: "Ed25519", kid: bob.device }, claims, ed25519(bob.deviceKey)), "header"],
    ["without a kid", forge({ alg: "Ed25519", typ: JWS_TYPES.assertion }, claims, ed25519(bob.deviceKey)), "kid"],
    ["that is padded", `${forge(assertionHeader, claims, ed25519(bob.deviceKey))}==`, "form"],
  ])("%s is refused", async (_what, assertion, reason) => {
    const server = await startWithBob();
    const answer = await requestToken(server, assertion);
    expect(refusal(answer)).toEqual({ status: 401, code: "TOKEN_INVALID", reason });
    expect(answer.headers.get("www-authenticate")).toContain("Bearer");
    expect((await requestToken(server, await assertionOf(bob, NOW_MS))).status).toBe(200);
  });

  test("makes the server fetch nothing", async () => {
    let visits = 0;
    const trap = createServer().on("connection", () => (visits += 1));
    await new Promise<void>((resolve) => trap.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void trap.close());
    const url = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/`;
    const server = await startWithBob();
    for (const kid of [bob.device, url]) {
      for (const member of ["jku", "x5u"]) {
        const header = { ...assertionHeader, kid, [member]: url };
        const answer = await requestToken(server, forge(header, { ...claims, iss: url }, ed25519(own)));
        expect(refusal(answer)).toEqual({ status: 401, code: "TOKEN_INVALID", reason: "header" });
      }
    }
    expect(visits).toBe(0);
  });

  test.each([
    ["that never expires", { exp: undefined }, "payload"],
    ["that expires in the year 9999", { exp: 253_402_300_799 }, "exp"],
    ["that lives longer than 90 s", { exp: NOW_SECONDS + 91 }, "exp"],
    ["that ends before it begins", { exp: NOW_SECONDS - 1 }, "exp"],
    ["with nbf", { nbf: NOW_SECONDS + 10 }, "payload"],
    ["for several audiences", { aud: [bob.aud, "https://other.example"] }, "payload"],
    ["for another audience", { aud: "https://other.example" }, "aud"],
    ["for nobody", { aud: undefined }, "payload"],
    ["without jti", { jti: undefined }, "payload"],
    ["by somebody else", { iss: "mallory" }, "iss"],
  ])("%s is refused", async (_what, change, reason) => {
    const server = await startWithBob();
    const assertion = await signJws(
      { ...claims, ...change },
      { typ: JWS_TYPES.assertion, key: bob.deviceKey, kid: bob.device },
    );
    expect(refusal(await requestToken(server, assertion))).toEqual({ status: 401, code: "TOKEN_INVALID", reason });
  });

  test.each([
    ["an hour ahead", 3600],
    ["a minute ahead", 60],
    ["a day behind", -86_400],
  ])("of a clock %s is told the time", async (_what, offset) => {
    const server = await startWithBob();
    const answer = await requestToken(server, await assertionOf(bob, NOW_MS + offset * 1000));
    expect(refusal(answer)).toEqual({ status: 401, code: "CLOCK_SKEW" });
    expect(answer.json).toMatchObject({ serverTime: NOW_SECONDS });
  });

  test("of a clock four seconds off is taken, as is one that expired three seconds ago", async () => {
    const server = await startWithBob();
    expect((await requestToken(server, await assertionOf(bob, NOW_MS + 4_000))).status).toBe(200);
    expect((await requestToken(server, await assertionOf(bob, NOW_MS - 63_000))).status).toBe(200);
  });

  test("stays used when the clock leaps ahead and comes back", async () => {
    const server = await startWithBob();
    const assertion = await assertionOf(bob, NOW_MS);
    await requestToken(server, assertion);
    server.clock.nowMs += 365 * 86_400_000;
    expect(refusal(await requestToken(server, assertion))).toMatchObject({ code: "CLOCK_SKEW" });
    server.clock.nowMs = NOW_MS;
    expect(refusal(await requestToken(server, assertion))).toMatchObject({ code: "TOKEN_REPLAYED" });
  });
});

describe("a request for a token", () => {
  const form = "application/x-www-form-urlencoded";

  const withClient = async (server: { url: string }, clientId: string) => {
    const body = new URLSearchParams({
      grant_type: "client_credentials",
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: await assertionOf(bob, NOW_MS),
      client_id: clientId,
    });
    return call(server, "POST", "/v1/token", { type: form, body: body.toString() });
  };

  test("may name the client as OAuth libraries do, if it is the assertion's", async () => {
    const server = await startWithBob();
    expect((await withClient(server, "bob")).status).toBe(200);
    const refused = await withClient(server, "mallory");
    expect(refusal(refused)).toEqual({ status: 401, code: "TOKEN_INVALID", reason: "client_id" });
  });

  test.each([
    ["a parameter twice", "grant_type=client_credentials&grant_type=client_credentials"],
    ["an unknown grant", "grant_type=password&username=bob&password=x"],
    ["nothing", ""],
    ["__proto__", "__proto__=x"],
  ])("with %s is not well formed", async (_what, body) => {
    const server = await startTestServer();
    const answer = await call(server, "POST", "/v1/token", { type: form, body });
    expect(refusal(answer)).toEqual({ status: 400, code: "REQUEST_INVALID" });
  });

  test("as JSON is of the wrong type", async () => {
    const server = await startTestServer();
    const answer = await call(server, "POST", "/v1/token", { type: "application/json", body: "{}" });
    expect(refusal(answer)).toEqual({ status: 415, code: "MEDIA_TYPE" });
  });
});
