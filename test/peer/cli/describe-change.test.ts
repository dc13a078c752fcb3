import { expect, test } from "vitest";
import { describeChange } from "../../../peer/cli/describe-change.ts";
import type { KeyChange } from "../../../peer/messaging/operations/contacts.ts";

const CHANGE: KeyChange = {
  pinnedAt: "2026-10-01T12:00:00.000Z",
  verified: true,
  seenAt: "2026-11-20T12:00:00.000Z",
  issuedAt: "2026-11-19T12:00:00.000Z",
  oldSeq: 2,
  newSeq: 3,
  vouched: false,
  log: { state: "ok", oldPosition: 11, newPosition: 42, newest: true },
};
const withLog = (log: Partial<KeyChange["log"]>) => describeChange({ ...CHANGE, log: { ...CHANGE.log, ...log } });

test("a changed key is told with its times, its sequence and who vouches for it", () => {
  const text = describeChange(CHANGE);
  for (const fact of ["2026-10-01", "had compared", "2026-11-20", "2026-11-19", "record 3 in the place of 2"]) {
    expect(text).toContain(fact);
  }
  expect(text).toContain("the old key does not vouch for the new one");
  expect(text).toContain("entry 42");
  expect(text).toContain("entry 11");
  expect(describeChange({ ...CHANGE, vouched: true })).toContain("the old key vouches for the new one");
});

test("a key that the log does not have is warned of, and so is a log that cannot be relied on", () => {
  expect(withLog({ newPosition: null })).toMatch(/does not have it: it may be shown to you alone\. Do not accept/);
  expect(withLog({ newPosition: null, state: "unknown" })).toMatch(/could not be asked\. Do not accept/);
  expect(withLog({ state: "LOG_FORKED" })).toContain("not to be relied on now (LOG_FORKED)");
  expect(withLog({ newest: false })).toContain("has a newer one");
});
