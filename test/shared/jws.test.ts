import { sign } from "node:crypto";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { encodeBase64url } from "../../shared/base64url.ts";
import { utf8 } from "../../shared/bytes.ts";
import { privateKeyObject, rawPublicKey } from "../../shared/ed25519.ts";
import { parseJws, readPayload, signJws, verifyJws } from "../../shared/jws.ts";
import { expectError } from "../support/expect-error.ts";
import { keyOf } from "../support/people.ts";

const key = keyOf("signer");
const rules = { typ: "test+jws", maxBytes: 1024, code: "RECORD_INVALID" } as const;
const encode = (value: unknown) => encodeBase64url(utf8(typeof value === "string" ? value : JSON.stringify(value)));

/** A JWS of any header, soundly signed. */
function forge(header: unknown, payload: unknown = { a: 1 }): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${encodeBase64url(sign(null, utf8(input), key))}`;
}

const good = forge({ alg: "Ed25519", typ: "test+jws" });

describe("a compact JWS", () => {
  test("is read as it was signed", async () => {
    const text = await signJws({ a: 1 }, { typ: "test+jws", key, kid: "k" });
    const jws = parseJws(text, { ...rules, hasKid: true });
    await verifyJws(jws, rawPublicKey(key));
    expect(jws).toEqual({ text, header: { alg: "Ed25519", typ: "test+jws", kid: "k" }, payload: { a: 1 } });
  });

  test("is signed as RFC 8037 appendix A.4 does, the name of the algorithm aside", () => {
    const seed = Buffer.from("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "base64url");
    const input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    expect(encodeBase64url(sign(null, utf8(input), privateKeyObject(seed)))).toBe(
      "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    );
  });

  test.each([
    ["EdDSA", "EdDSA"],
    ["none", "none"],
    ["None", "None"],
    ["HS256", "HS256"],
    ["ES256", "ES256"],
    ["Ed448", "Ed448"],
    ["lower case", "ed25519"],
    ["a list", ["Ed25519"]],
    ["nothing", undefined],
  ])("is refused when its algorithm is %s", async (_, alg) => {
    await expectError(() => parseJws(forge({ alg, typ: "test+jws" }), rules), "RECORD_INVALID", "alg");
  });

  test.each(["test", "TEST+jws", "application/test+jws", "at+jwt", ""])("is refused as type %j", async (typ) => {
    await expectError(() => parseJws(forge({ alg: "Ed25519", typ }), rules), "RECORD_INVALID", "typ");
  });

  test.each([
    ["jwk", { kty: "OKP", crv: "Ed25519", x: encodeBase64url(rawPublicKey(key)) }],
    ["jku", "https://evil.example/jwks"],
    ["x5u", "https://evil.example/cert"],
    ["x5c", ["AA"]],
    ["crit", ["b64"]],
    ["b64", false],
    ["zip", "DEF"],
    ["cty", "JWT"],
  ])("is refused with %s in its header", async (member, value) => {
    const header = { alg: "Ed25519", typ: "test+jws", [member]: value };
    await expectError(() => parseJws(forge(header), rules), "RECORD_INVALID", "header");
  });

  test("is refused with a key id where its kind has none", async () => {
    const text = forge({ alg: "Ed25519", typ: "test+jws", kid: "k" });
    await expectError(() => parseJws(text, rules), "RECORD_INVALID", "header");
  });

  test("is refused without a type", async () => {
    await expectError(() => parseJws(forge({ alg: "Ed25519" }), rules), "RECORD_INVALID", "header");
  });

  const [head = "", body = "", signature = ""] = good.split(".");

  test.each([
    ["nothing", ""],
    ["two parts", `${head}.${body}`],
    ["four parts", `${good}.`],
    ["padding", `${good}==`],
    ["a line break at the end", `${good}\n`],
    ["another spelling of the signature's last character", good.slice(0, -1) + nextCharacter(good.at(-1))],
    ["the alphabet of base64", `${head}.${body}.${signature.slice(0, -2)}+/`],
    ["a payload that is no JSON", `${head}.${encode("{")}.${signature}`],
    ["a payload with a duplicate member", forge({ alg: "Ed25519", typ: "test+jws" }, `{"a":1,"a":2}`)],
    ["a header with a duplicate member", forge(`{"alg":"none","alg":"Ed25519","typ":"test+jws"}`)],
    ["an empty payload", `${head}..${signature}`],
  ])("is refused as malformed with %s", async (_, text) => {
    await expectError(() => parseJws(text, rules), "RECORD_INVALID", "form");
  });

  test.each(["null", "[]", "1", `"Ed25519"`])("is refused with the header %s", async (header) => {
    await expectError(() => parseJws(`${encode(header)}.${body}.${signature}`, rules), "RECORD_INVALID", "alg");
  });

  test("is refused by its size before anything is decoded", async () => {
    await expectError(() => parseJws("!".repeat(1025), rules), "RECORD_INVALID", "size");
  });

  test.each([
    ["no signature", `${head}.${body}.`],
    ["a short signature", `${head}.${body}.AAAA`],
    ["the signature of another payload", `${head}.${encode({ a: 2 })}.${signature}`],
    ["the signature of another header", `${encode({ typ: "test+jws", alg: "Ed25519" })}.${body}.${signature}`],
  ])("does not verify with %s", async (_, text) => {
    await expectError(verifyJws(parseJws(text, rules), rawPublicKey(key)), "SIGNATURE_INVALID");
  });

  test("does not verify under another key, nor under one of small order", async () => {
    await expectError(verifyJws(parseJws(good, rules), rawPublicKey(keyOf("other"))), "SIGNATURE_INVALID");
    await expectError(verifyJws(parseJws(good, rules), new Uint8Array(32)), "KEY_INVALID");
  });

  test("has a payload that its schema must accept", async () => {
    const jws = parseJws(good, rules);
    expect(readPayload(z.strictObject({ a: z.int() }), jws, "RECORD_INVALID")).toEqual({ a: 1 });
    await expectError(() => readPayload(z.strictObject({}), jws, "TOKEN_INVALID"), "TOKEN_INVALID", "payload");
  });
});

/** The signature's last character holds two unused bits: the next one of the alphabet decodes to the same bytes. */
function nextCharacter(character = ""): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return alphabet.charAt(alphabet.indexOf(character) + 1);
}
