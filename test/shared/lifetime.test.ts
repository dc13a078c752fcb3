import { expect, test } from "vitest";
import { checkLifetime } from "../../shared/lifetime.ts";
import { expectError } from "../support/expect-error.ts";
import { NOW_MS, NOW_SECONDS } from "../support/people.ts";

const rules = { nowMs: NOW_MS, what: "the record", maxSeconds: 100 };

test("a record holds until 30 s after its expiry", async () => {
  checkLifetime(NOW_SECONDS - 30, rules);
  const error = await expectError(() => checkLifetime(NOW_SECONDS - 31, rules), "RECORD_EXPIRED");
  expect(error.details).toEqual({ serverTime: NOW_SECONDS });
});

test("a record may not outlive its kind by more than 30 s of clock difference", async () => {
  checkLifetime(NOW_SECONDS + 130, rules);
  const error = await expectError(() => checkLifetime(NOW_SECONDS + 131, rules), "RECORD_INVALID", "lifetime");
  expect(error.details).toEqual({ serverTime: NOW_SECONDS });
});
