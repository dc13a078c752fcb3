import { describe, expect, test } from "vitest";
import * as z from "zod";
import { errorOf, readAnswer } from "../../../peer/naming/answer.ts";
import type { Answer } from "../../../peer/naming/http.ts";
import { expectError } from "../../support/expect-error.ts";

const answer = (status: number, body: unknown, headers: Answer["headers"] = {}): Answer => ({
  status,
  headers,
  body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
});
const problem = (status: number, code: string, facts = {}, headers: Answer["headers"] = {}) =>
  errorOf(answer(status, { type: "about:blank", title: "Refused", status, code, ...facts }, headers));

describe("an answer", () => {
  test("is read by its schema, members it does not know left out", () => {
    expect(readAnswer(answer(200, { a: 1, b: 2 }), z.object({ a: z.int() }))).toEqual({ a: 1 });
  });

  test.each([
    ["nothing", ""],
    ["HTML", "<!doctype html><title>Welcome</title>"],
    ["another shape", "[]"],
    ["a duplicate member", `{"a":1,"a":2}`],
    ["half an answer", `{"a":`],
    ["deep nesting", "[".repeat(100_000)],
    ["bytes", Buffer.from([0xff, 0xfe]).toString("latin1")],
  ])("makes no sense as %s", async (_, body) => {
    const read = () => readAnswer(answer(200, body), z.object({ a: z.int() }));
    await expectError(read, "SERVER_ERROR", "body");
  });
});

describe("a refusal", () => {
  test("keeps code, reason and facts of the server's problem", () => {
    expect(problem(404, "NAME_UNKNOWN", { detail: "no such name" })).toMatchObject({
      code: "NAME_UNKNOWN",
      message: "no such name",
      reason: undefined,
      details: { status: 404 },
    });
    expect(problem(401, "TOKEN_INVALID", { reason: "aud", expectedAudience: "https://x.example" })).toMatchObject({
      code: "TOKEN_INVALID",
      reason: "aud",
      details: { status: 401, expectedAudience: "https://x.example" },
    });
    expect(problem(401, "CLOCK_SKEW", { serverTime: 7 }).details).toEqual({ status: 401, serverTime: 7 });
  });

  test("tells when to come back", () => {
    const error = problem(429, "RATE_LIMITED", {}, { "retry-after": "17" });
    expect(error).toMatchObject({ code: "RATE_LIMITED", details: { status: 429, retryAfterSeconds: 17 } });
    const later = errorOf(answer(503, "", { "retry-after": "Wed, 21 Oct 2026 07:28:00 GMT" }));
    expect(later.details).toEqual({ status: 503 });
  });

  test.each([
    [429, "RATE_LIMITED"],
    [503, "SERVER_BUSY"],
    [500, "SERVER_ERROR"],
    [502, "SERVER_ERROR"],
    [404, "SERVER_ERROR"],
    [418, "SERVER_ERROR"],
  ])("with status %i and no problem of ours is %s", (status, code) => {
    expect(errorOf(answer(status, "<h1>Bad gateway</h1>"))).toMatchObject({ code, details: { status } });
  });

  test.each([
    ["KEY_CHANGED", 409, "SERVER_ERROR"],
    ["RECORD_ROLLBACK", 412, "SERVER_ERROR"],
    ["PASSPHRASE_WRONG", 401, "SERVER_ERROR"],
    ["INTERNAL", 500, "SERVER_ERROR"],
    ["STORAGE", 503, "SERVER_BUSY"],
    ["TEAPOT", 429, "RATE_LIMITED"],
  ])("of code %s, which is not the server's to say, goes by its status %i", (said, status, code) => {
    expect(problem(status, said)).toMatchObject({ code, message: `the naming server answered ${status}` });
  });

  test("is shortened", () => {
    const error = problem(400, "REQUEST_INVALID", { detail: "x".repeat(9999), reason: "y".repeat(9999) });
    expect(error.message).toHaveLength(300);
    expect(error.reason).toHaveLength(64);
  });

  test.each([301, 302, 304, 307, 308])("is what status %i is, which nobody asked for", (status) => {
    expect(errorOf(answer(status, ""))).toMatchObject({ code: "SERVER_ERROR", reason: "redirect" });
  });
});
