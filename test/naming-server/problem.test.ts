import { describe, expect, test } from "vitest";
import { toChatError, toProblem } from "../../naming-server/problem.ts";
import { problemSchema } from "../../shared/api.ts";
import { ChatError, ERROR_CODES } from "../../shared/errors.ts";

describe("a problem", () => {
  test("is well formed for every code", () => {
    for (const code of ERROR_CODES) {
      const problem = toProblem(new ChatError(code, "detail", { reason: "why" }));
      expect(problemSchema.parse(problem)).toMatchObject({ code, reason: "why" });
      expect(problem.title).not.toBe("Error");
    }
  });

  test("tells of the server's own faults no more than the code", () => {
    const cause = new Error("SELECT secret FROM /var/lib/naming.db");
    for (const error of [toChatError(cause), new ChatError("STORAGE", cause.message, { cause })]) {
      expect(JSON.stringify(toProblem(error))).not.toMatch(/SELECT|secret|var|at /);
    }
    expect(toProblem(toChatError(cause))).toMatchObject({ status: 500, code: "INTERNAL" });
  });

  test("carries of the details only those that its code promises", () => {
    const details = { serverTime: 5, expectedAudience: "https://x", path: "/secret", allow: "GET" };
    const problem = toProblem(new ChatError("CLOCK_SKEW", "off", { details }));
    expect(problem).toMatchObject({ serverTime: 5, expectedAudience: "https://x" });
    expect(JSON.stringify(problem)).not.toContain("secret");
  });

  test("quotes at most a little of what a client sent", () => {
    expect(toProblem(new ChatError("REQUEST_INVALID", "x".repeat(9000))).detail).toHaveLength(500);
  });
});
