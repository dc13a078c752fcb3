import { describe, expect, test } from "vitest";
import { encodeCbor } from "../../shared/cbor.ts";
import { assertTyping, encodeTyping } from "../../shared/typing.ts";
import { expectError } from "../support/expect-error.ts";

test("what is said of somebody who writes is the same for all", () => {
  expect(() => assertTyping(encodeTyping())).not.toThrow();
  expect(encodeTyping()).toEqual(encodeCbor({ v: 1, type: "typing" }));
});

describe("a frame is refused", () => {
  test.each([
    ["of another version", { v: 2, type: "typing" }, "VERSION_UNSUPPORTED"],
    ["of another type", { v: 1, type: "hello" }, "FRAME_INVALID"],
    ["that says more", { v: 1, type: "typing", text: "hel" }, "FRAME_INVALID"],
    ["that is no map", ["typing"], "FRAME_INVALID"],
  ] as const)("%s", async (_what, value, code) => {
    await expectError(() => assertTyping(encodeCbor(value)), code);
  });
});
