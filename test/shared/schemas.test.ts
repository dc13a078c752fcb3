import { describe, expect, test } from "vitest";
import * as z from "zod";
import {
  audienceSchema,
  base64urlOf,
  deviceIdSchema,
  parsed,
  sequence,
  unixSeconds,
  usernameSchema,
} from "../../shared/schemas.ts";
import { personOf } from "../support/people.ts";

const accepts = (schema: z.ZodType, value: unknown) => schema.safeParse(value).success;

describe("schemas", () => {
  test.each([
    "https://names.example.org",
    "https://names.example.org:8443",
    "https://example.org/names",
    "http://127.0.0.1:8080",
    "http://[::1]:8080",
  ])("accept the server URL %s", (url) => {
    expect(accepts(audienceSchema, url)).toBe(true);
  });

  test.each([
    "https://names.example.org/",
    "https://example.org/names/",
    "https://names.example.org:443",
    "HTTPS://names.example.org",
    "https://Names.example.org",
    "https://names.example.org?x=1",
    "https://names.example.org?",
    "https://names.example.org#x",
    "https://user:secret@names.example.org",
    "https://example.org/a/../names",
    "ftp://names.example.org",
    "javascript:alert(1)",
    "names.example.org",
    "",
    ` https://names.example.org`,
    `https://${"a".repeat(260)}.example.org`,
  ])("refuse the server URL %j", (url) => {
    expect(accepts(audienceSchema, url)).toBe(false);
  });

  test("turn what a parser throws into an issue", () => {
    const schema = z.object({ name: usernameSchema, device: deviceIdSchema });
    const read = schema.safeParse({ name: "Bob", device: "x" });
    expect(read.error?.issues.map(({ path }) => path.join())).toEqual(["name", "device"]);
    expect(accepts(schema, { name: "bob", device: personOf("bob").device })).toBe(true);
    const odd = parsed(() => {
      throw "not an error";
    });
    expect(odd.safeParse("x").error?.issues[0]?.message).toBe("invalid");
  });

  test("refuse values of other types", () => {
    for (const value of [1, null, undefined, {}, ["bob"]]) {
      expect(accepts(usernameSchema, value)).toBe(false);
      expect(accepts(deviceIdSchema, value)).toBe(false);
      expect(accepts(base64urlOf(1), value)).toBe(false);
    }
  });

  test("bound numbers", () => {
    for (const value of [0, -1, 1.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, "1", 1n]) {
      expect(accepts(sequence, value)).toBe(false);
    }
    expect(accepts(sequence, 2 ** 53 - 1)).toBe(true);
    expect(accepts(unixSeconds, 0)).toBe(true);
    expect(accepts(unixSeconds, 253_402_300_800)).toBe(false);
  });
});
