import { expect, test } from "vitest";
import { permits, readCapabilities } from "../../../../peer/messaging/tokens/capability.ts";
import { expectError } from "../../../support/expect-error.ts";
import { AUDIENCE } from "../../../support/people.ts";

test("names are kept in their one form, and each thing once", () => {
  const typed = ["send:Bob", "send:bob", `read:bob@${new URL(AUDIENCE).hostname}`, "status", "send:*"];
  expect(readCapabilities(typed, AUDIENCE)).toEqual(["send:bob", "read:bob", "status", "send:*"]);
});

test.each([
  ["nothing", []],
  ["no person", ["send:"]],
  ["no right", ["bob"]],
  ["another right", ["delete:bob"]],
  ["half a wildcard", ["send:bo*"]],
  ["everything", ["*"]],
  ["another server's name", ["send:bob@elsewhere.example"]],
  ["what is no name", ["send:../bob"]],
  ["too much", Array.from({ length: 33 }, (_, n) => `send:bob${n}`)],
])("%s is refused", async (_, typed) => {
  await expectError(() => readCapabilities(typed, AUDIENCE), "USAGE");
});

test("a right is held for those that it names, and no other right with it", () => {
  expect(permits(["send:bob"], "send", "bob")).toBe(true);
  expect(permits(["send:bob"], "send", "carol")).toBe(false);
  expect(permits(["send:*"], "send", "carol")).toBe(true);
  for (const can of ["send:bob", "send:*", "status"]) expect(permits([can], "read", "bob")).toBe(false);
  for (const can of ["send:*", "read:*"]) expect(permits([can], "status")).toBe(false);
  expect(permits(["read:bob"], "read")).toBe(true);
  expect(permits(["send:*", "status"], "read")).toBe(false);
});
