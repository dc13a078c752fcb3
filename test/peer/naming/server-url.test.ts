import { describe, expect, test } from "vitest";
import { isLoopback, parseServerUrl } from "../../../peer/naming/server-url.ts";
import { expectError } from "../../support/expect-error.ts";

describe("a server URL", () => {
  test.each([
    ["names.example.org", "https://names.example.org"],
    ["names.example.org:8443/", "https://names.example.org:8443"],
    [" https://Names.Example.org/ ", "https://names.example.org"],
    ["https://names.example.org:443", "https://names.example.org"],
    ["https://example.org/names/", "https://example.org/names"],
    ["example.org/names", "https://example.org/names"],
    ["localhost:8080", "http://localhost:8080"],
    ["LOCALHOST", "http://localhost"],
    ["127.0.0.1:8080", "http://127.0.0.1:8080"],
    ["127.1:8080", "http://127.0.0.1:8080"],
    ["[::1]:8080", "http://[::1]:8080"],
    ["https://localhost:8443", "https://localhost:8443"],
    ["http://names.localhost", "http://names.localhost"],
    ["192.0.2.7", "https://192.0.2.7"],
  ])("is read from %j as %s", (typed, url) => {
    expect(parseServerUrl(typed)).toBe(url);
  });

  test.each([
    "http://names.example.org",
    "http://192.0.2.7:8080",
    "http://localhost.example.org",
    "http://127.0.0.1.example.org",
    "http://[2001:db8::1]",
    "http://0.0.0.0:8080",
  ])("is refused in the clear: %s", async (typed) => {
    await expectError(() => parseServerUrl(typed), "HTTP_REFUSED");
    expect(parseServerUrl(typed, { allowHttp: true })).toBe(typed);
  });

  test.each([
    "",
    " ",
    "/names",
    "https://",
    "ftp://names.example.org",
    "file:///etc/passwd",
    "https://user:secret@names.example.org",
    "user@names.example.org",
    "https://names.example.org?x=1",
    "https://names.example.org#x",
    "https://names .example.org",
    "names.example.org:99999",
    "https://exa%mple.org",
    "x".repeat(5000),
  ])("is not read from %j", async (typed) => {
    await expectError(() => parseServerUrl(typed, { allowHttp: true }), "CONFIG_INVALID");
  });

  test("is on this computer or not", () => {
    const onLoopback = (typed: string) => isLoopback(parseServerUrl(typed, { allowHttp: true }));
    expect(["localhost", "127.0.0.1:1", "[::1]", "https://localhost"].map(onLoopback)).not.toContain(false);
    expect(["example.org", "10.0.0.1", "http://128.0.0.1", "http://[::2]"].map(onLoopback)).not.toContain(true);
  });
});
