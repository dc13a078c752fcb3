import { once } from "node:events";
import { expect, test } from "vitest";
import { abortReason } from "../../shared/abort-reason.ts";
import { ChatError } from "../../shared/errors.ts";

test("the reason of an abort is the caller's own error where it is one of ours", () => {
  const own = new ChatError("QUOTA", "enough");
  expect(abortReason(AbortSignal.abort(own))).toBe(own);
});

test("the reason of a timeout is that time is up", async () => {
  const signal = AbortSignal.timeout(1);
  await once(signal, "abort");
  expect(abortReason(signal)).toMatchObject({ code: "TIMED_OUT", cause: signal.reason });
});

test("the reason of any other abort is an interruption", () => {
  expect(abortReason(AbortSignal.abort())).toMatchObject({ code: "INTERRUPTED" });
  expect(abortReason(AbortSignal.abort("because"))).toMatchObject({ code: "INTERRUPTED", cause: "because" });
});
