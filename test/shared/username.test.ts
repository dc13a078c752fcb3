import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseUsername, readUsername, skeletonOf } from "../../shared/username.ts";
import { expectError } from "../support/expect-error.ts";

const usernames = fc
  .stringMatching(/^[a-z0-9]{1,12}(-[a-z0-9]{1,8}){0,2}$/)
  .filter(isFree)
  .map(parseUsername);

/** Nobody's name, however it is spelt or encoded. */
// biome-ignore format: a table
const BAD_NAMES = [
  // form
  "", "a", "ab", "-ab", "ab-", "-", "---", "a--b", "xn--bcher-kva", "a".repeat(33), "a".repeat(64), "a".repeat(10_000),
  "a_b", "a.b", "a+b", "a b", " alice", "alice ", "alice\n", "\talice", "alice\0", "alice\r\n", "al/ice", "../alice",
  "al%69ce", "@alice", "alice@example.org", "#alice", "~alice",
  // database and shell
  "a'--", `";drop table names`, "%", "_", "a%", "a;b", "a|b", "$(id)", "`id`", "a\\b", "a,b", "{a}", "<b>alice",
  // other scripts and invisible characters
  "аlice", "аӏісе", "\u202ealice", "ali\u200bce", "ali\u200dce", "alice\ufeff", "ali\u00adce", "alicé", "alice\u0301",
  "ﬀar", "İstanbul", "\u212aelvin", "ａｌｉｃｅ", "ali\u{e0041}ce", "🙂🙂🙂", "alice\ud800", "ſam", "straße", "١٢٣",
];

describe("username", () => {
  test.each(["bob", "a1b", "007", "alice-b", "a-b-c", "x".repeat(32), "xn-a"])("accepts %s", (name) => {
    expect(parseUsername(name)).toBe(name);
    expect(readUsername(name.toUpperCase())).toBe(name);
  });

  test.each(BAD_NAMES)("refuses %j, canonical or typed", async (name) => {
    await expectError(() => parseUsername(name), "USERNAME_INVALID");
    await expectError(() => readUsername(name), "USERNAME_INVALID");
  });

  test.each(["Alice", "ALICE", "aLice"])("lower-cases %s when typed, refuses it as canonical", async (name) => {
    expect(readUsername(name)).toBe("alice");
    await expectError(() => parseUsername(name), "USERNAME_INVALID");
  });

  test.each(["admin", "root", "postmaster", "no-reply", "p2pchat", "self", "null", "undefined", "www"])(
    "reserves %s",
    async (name) => {
      await expectError(() => parseUsername(name), "USERNAME_RESERVED");
      await expectError(() => readUsername(name.toUpperCase()), "USERNAME_RESERVED");
    },
  );

  test("accepts nothing but its own alphabet", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 3, maxLength: 12 }), (text) => {
        fc.pre(!/^[a-z0-9-]+$/.test(text));
        expect(() => parseUsername(text)).toThrow();
      }),
    );
  });
});

describe("skeleton", () => {
  test.each([
    ["bob", "b0b"],
    ["bill", "b1ll"],
    ["bill", "biii"],
    ["modern", "modem"],
    ["wave", "vvave"],
    ["mary-ann", "maryann"],
    ["barn", "bar-n"],
    ["bar-n", "bam"],
    ["vvv1", "wv1"],
    ["wv1", "vw1"],
    ["rrn1", "rm1"],
    ["corner", "comer"],
  ])("of %s is that of %s", (one, other) => {
    expect(skeletonOf(parseUsername(one))).toBe(skeletonOf(parseUsername(other)));
  });

  test.each([
    ["alice", "alicia"],
    ["bob", "bobby"],
    ["nora", "mora"],
    ["vera", "wera"],
    ["anna", "hanna"],
  ])("of %s is not that of %s", (one, other) => {
    expect(skeletonOf(parseUsername(one))).not.toBe(skeletonOf(parseUsername(other)));
  });

  test("does not change when a look-alike takes a character's place", () => {
    const swaps = [
      ["0", "o"],
      ["1", "l"],
      ["i", "l"],
      ["m", "rn"],
      ["w", "vv"],
    ] as const;
    fc.assert(
      fc.property(usernames, fc.constantFrom(...swaps), fc.boolean(), (name, [a, b], there) => {
        const other = there ? name.replace(a, b) : name.replace(b, a);
        fc.pre(isFree(other));
        expect(skeletonOf(parseUsername(other))).toBe(skeletonOf(name));
      }),
    );
  });

  test("does not change with hyphens", () => {
    fc.assert(
      fc.property(usernames, (name) => {
        const bare = name.replaceAll("-", "");
        fc.pre(isFree(bare));
        expect(skeletonOf(parseUsername(bare))).toBe(skeletonOf(name));
      }),
    );
  });
});

function isFree(text: string): boolean {
  try {
    parseUsername(text);
    return true;
  } catch {
    return false;
  }
}
