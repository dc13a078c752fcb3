import { describe, expect, test } from "vitest";
import { concat, hex, utf8 } from "../../shared/bytes.ts";
import { hashWithDomain, sha256 } from "../../shared/hash.ts";
import { HASH_DOMAINS, SIGNATURE_DOMAINS } from "../../shared/protocol.ts";

describe("hash", () => {
  test("is SHA-256 (FIPS 180-4 example)", () => {
    expect(hex(sha256(utf8("abc")))).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });

  test("puts the domain and a zero byte before the content", () => {
    const content = utf8("content");
    expect(hashWithDomain("domain", content)).toEqual(sha256(concat(utf8("domain"), Uint8Array.of(0), content)));
  });

  test("gives one content another hash in each domain", () => {
    const hashes = Object.values(HASH_DOMAINS).map((domain) => hex(hashWithDomain(domain, utf8("x"))));
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  test("has no domain that holds the separator or serves two purposes", () => {
    const domains = [...Object.values(HASH_DOMAINS), ...Object.values(SIGNATURE_DOMAINS)];
    expect(new Set(domains).size).toBe(domains.length);
    expect(domains.filter((domain) => !/^[!-~]+$/.test(domain))).toEqual([]);
  });
});
