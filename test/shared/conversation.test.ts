import fc from "fast-check";
import { expect, test } from "vitest";
import { directConversation } from "../../shared/conversation.ts";

const hex = (a: string, b: string) => Buffer.from(directConversation(a, b)).toString("hex");

test("is the same from both sides", () => {
  const name = fc.stringMatching(/^[a-z0-9-]{3,32}$/);
  fc.assert(fc.property(name, name, (a, b) => void expect(hex(a, b)).toBe(hex(b, a))));
});

test("differs between any two pairs of names, also where their letters run together", () => {
  const pairs = [
    ["alice", "bob"],
    ["alic", "ebob"],
    ["alice", "bobb"],
    ["alice", "alice"],
    ["alicebob", "abc"],
    ["ali", "cebob"],
  ] as const;
  expect(new Set(pairs.map(([a, b]) => hex(a, b))).size).toBe(pairs.length);
});

test("stays what it is from version to version", () => {
  expect(hex("alice", "bob")).toBe("7d0a56ffdcfed5cea399affe794c9b3a4d4a9d28a328049b1dda81db9e366b80");
});
