import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type Party, parseSafetyNumber, safetyNumberOf } from "../../shared/safety-number.ts";
import { parseUsername } from "../../shared/username.ts";
import { expectError } from "../support/expect-error.ts";
import { personOf } from "../support/people.ts";
import vectors from "../vectors/safety-number.json" with { type: "json" };

const alice = personOf("alice");
const bob = personOf("bob");

describe("safety number", () => {
  test.each(vectors)("of $one.username and $other.username stays what it was", ({ one, other, number }) => {
    const [a, b] = [partyOf(one), partyOf(other)];
    expect(safetyNumberOf(a, b)).toBe(parseSafetyNumber(number));
    expect(safetyNumberOf(b, a)).toBe(safetyNumberOf(a, b));
  });

  test("is what the definition says, computed another way", () => {
    const halves = [alice, bob].map(({ username, identity }) => {
      let digest = createHash("sha512").update(`p2pchat/safety-number/1\0`).update(identity).update(username).digest();
      for (let i = 1; i < 5200; i++) digest = createHash("sha512").update(digest).update(identity).digest();
      const groups = [0, 5, 10, 15, 20, 25].map((at) => BigInt(`0x${digest.toString("hex", at, at + 5)}`) % 100_000n);
      return groups.map((group) => group.toString().padStart(5, "0")).join("");
    });
    expect(safetyNumberOf(alice, bob)).toBe(halves.sort().join(""));
  });

  test("has 60 digits, and is read back from groups of them", () => {
    const number = safetyNumberOf(alice, bob);
    expect(number).toMatch(/^[0-9]{60}$/);
    expect(parseSafetyNumber(number.replace(/.{5}/g, "$& "))).toBe(number);
  });

  test("changes with either key and either name", () => {
    const others = [
      [personOf("alice", { identity: "new" }), bob],
      [alice, personOf("bob", { identity: "new" })],
      [{ ...alice, username: personOf("alicia").username }, bob],
      [
        { ...alice, username: bob.username },
        { ...bob, username: alice.username },
      ],
    ] as const;
    const numbers = [safetyNumberOf(alice, bob), ...others.map(([a, b]) => safetyNumberOf(a, b))];
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  test("is read with any white space", () => {
    const number = safetyNumberOf(alice, bob);
    expect(parseSafetyNumber(`  ${number.replace(/.{20}/g, "$& \n\t")}\r\n`)).toBe(number);
  });

  test.each(["", "12345", "1".repeat(59), "1".repeat(61), `${"1".repeat(59)}x`, "٣".repeat(60), "-".repeat(60)])(
    "is not read from %j",
    async (typed) => {
      await expectError(() => parseSafetyNumber(typed), "USAGE");
    },
  );
});

function partyOf({ username, identity }: { username: string; identity: string }): Party {
  return { username: parseUsername(username), identity: Buffer.from(identity, "hex") };
}
