import { expect, test } from "vitest";
import { describeTrouble } from "../../../peer/cli/describe-trouble.ts";

test("says of a message that was given up whether it was left in a mailbox, where they may have it from", () => {
  expect(describeTrouble({ state: "failed", error: "TIMED_OUT" })).toBe("TIMED_OUT");
  expect(describeTrouble({ state: "failed", error: "TIMED_OUT", reason: "unconfirmed" })).toBe(
    "it was left in a mailbox of theirs, and nobody has confirmed it: they may have it",
  );
});

test("believes no such thing of a message that still waits: its reason may be a peer's", () => {
  const text = describeTrouble({ state: "queued", error: "TIMED_OUT", reason: "unconfirmed\n" });
  expect(text).toBe("TIMED_OUT: unconfirmed<U+000A>");
});

test("has nothing to say where there is no trouble", () => {
  expect(describeTrouble({ state: "stored" })).toBe("");
});
