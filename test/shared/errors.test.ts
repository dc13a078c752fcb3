import { describe, expect, test } from "vitest";
import { ChatError, ERROR_CODES, isChatError, isErrorCode } from "../../shared/errors.ts";

describe("ChatError", () => {
  test("carries code, reason, details and cause", () => {
    const cause = new Error("below");
    const error = new ChatError("TOKEN_INVALID", "no", { reason: "aud", details: { expectedAudience: "x" }, cause });
    expect(error).toMatchObject({ name: "ChatError", code: "TOKEN_INVALID", message: "no", reason: "aud", cause });
    expect(error.details).toEqual({ expectedAudience: "x" });
  });

  test("has no cause where none is given", () => {
    expect("cause" in new ChatError("INTERNAL", "no")).toBe(false);
  });

  test("is recognised by code", () => {
    const error = new ChatError("TIMED_OUT", "late");
    expect(isChatError(error)).toBe(true);
    expect(isChatError(error, "INTERNAL", "TIMED_OUT")).toBe(true);
    expect(isChatError(error, "INTERNAL")).toBe(false);
    expect(isChatError(new Error("TIMED_OUT"))).toBe(false);
    expect(isChatError(undefined)).toBe(false);
  });

  test("knows its codes, each once", () => {
    expect(new Set(ERROR_CODES).size).toBe(ERROR_CODES.length);
    expect(ERROR_CODES.every(isErrorCode)).toBe(true);
    expect(isErrorCode("constructor")).toBe(false);
  });
});
