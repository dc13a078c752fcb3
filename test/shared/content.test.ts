import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeCbor } from "../../shared/cbor.ts";
import { type Content, decodeContent, encodeContent, encodeTombstone } from "../../shared/content.ts";
import { LIMITS } from "../../shared/protocol.ts";
import { expectError } from "../support/expect-error.ts";

const id = fc.uint8Array({ minLength: LIMITS.messageIdBytes, maxLength: LIMITS.messageIdBytes });
const text = fc.string({ unit: "grapheme", maxLength: 200 });
const contents = fc.oneof(
  fc.record(
    { kind: fc.constant("text" as const), text, replyTo: id, expiresAt: fc.nat() },
    { requiredKeys: ["kind", "text"] },
  ),
  fc.record({ kind: fc.constant("edit" as const), target: id, text }),
  fc.record({ kind: fc.constant("delete" as const), target: id }),
  fc.record({ kind: fc.constant("reaction" as const), target: id, emoji: fc.constantFrom("", "👍", "👩‍👩‍👧") }),
  fc.record({ kind: fc.constant("read" as const), targets: fc.array(id, { minLength: 1, maxLength: 8 }) }),
);

describe("contents", () => {
  test("are given back, whatever they are", () => {
    fc.assert(
      fc.property(contents, (content: Content) => {
        expect(decodeContent(content.kind, encodeContent(content))).toEqual(content);
      }),
    );
  });

  test("of kinds of later versions are none, and members of later versions are passed over", () => {
    expect(decodeContent("poll", new Uint8Array())).toBeUndefined();
    expect(decodeContent("tombstone", encodeTombstone())).toBeUndefined();
    expect(decodeContent("text", encodeCbor({ text: "hi", colour: 1 }))).toEqual({ kind: "text", text: "hi" });
  });

  const target = new Uint8Array(LIMITS.messageIdBytes);
  const wrong: [string, string, unknown, string][] = [
    ["a text without one", "text", {}, "schema"],
    ["a text that is too long", "text", { text: "é".repeat(LIMITS.textMaxBytes / 2 + 1) }, "size"],
    ["an answer to what is no id", "text", { text: "hi", replyTo: new Uint8Array(15) }, "schema"],
    ["a text that expires at no time", "text", { text: "hi", expiresAt: -1 }, "schema"],
    ["a text that expires when no calendar goes on", "text", { text: "hi", expiresAt: 253_402_300_800_000 }, "schema"],
    ["an edit of nothing", "edit", { text: "hi" }, "schema"],
    ["an edit that is too long", "edit", { target, text: "x".repeat(LIMITS.textMaxBytes + 1) }, "size"],
    ["a deletion of no id", "delete", { target: "id" }, "schema"],
    ["a reaction that is a text", "reaction", { target, emoji: "x".repeat(LIMITS.reactionMaxBytes + 1) }, "size"],
    ["marks of nothing", "read", { targets: [] }, "schema"],
    [
      "too many marks",
      "read",
      { targets: Array.from({ length: LIMITS.readMarksPerMessage + 1 }, () => target) },
      "schema",
    ],
  ];
  test.each(wrong)("refuses %s", async (_, kind, body, reason) => {
    await expectError(() => decodeContent(kind, encodeCbor(body)), "ENVELOPE_INVALID", reason);
  });

  test("refuses bytes that are no CBOR", async () => {
    await expectError(() => decodeContent("text", new Uint8Array()), "ENVELOPE_INVALID", "cbor");
  });
});
