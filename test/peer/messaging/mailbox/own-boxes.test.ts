import { describe, expect, test } from "vitest";
import { mailboxSecrets } from "../../../../peer/messaging/mailbox/own-boxes.ts";
import type { MailboxSecret } from "../../../../peer/messaging/store.ts";
import { FakeTime } from "../../../support/fake-time.ts";

const WEEK = 7 * 24 * 60 * 60_000;

/** Answers the secrets so many weeks from the first. */
function secretsInWeek() {
  const time = new FakeTime();
  const runtime = time.runtime("bob");
  const beganMs = time.nowMs;
  let kept: readonly MailboxSecret[] = [];
  const mailbox = {
    secrets: () => kept,
    saveSecrets: (secrets: readonly MailboxSecret[]) => {
      kept = secrets;
    },
  };
  // Only these two of the store are used.
  const store = { mailbox, transaction: <T>(work: () => T) => work() } as unknown as Parameters<
    typeof mailboxSecrets
  >[0];
  return (weeks: number) => {
    time.setClock(beganMs + weeks * WEEK);
    return mailboxSecrets(store, runtime);
  };
}

describe("the secrets of a device's mailboxes", () => {
  test("change every week, and six of them are kept", () => {
    const inWeek = secretsInWeek();
    const seen = [0, 1, 2, 3, 4, 5, 6].map((week) => inWeek(week)[0]);
    expect(new Set(seen.map((one) => one?.secret.join())).size).toBe(7);
    expect(inWeek(6)).toEqual(seen.slice(1).toReversed());
  });

  test("stay what they are within a week", () => {
    const inWeek = secretsInWeek();
    expect(inWeek(0)).toEqual(inWeek(0));
  });

  test("go on changing after a clock that was a year ahead is put right", () => {
    const inWeek = secretsInWeek();
    const [first] = inWeek(0);
    const [future] = inWeek(52);
    expect(inWeek(0)[0]).toEqual(first);
    const [next, ...older] = inWeek(1);
    expect([first, future]).not.toContainEqual(next);
    expect(older).toEqual([future, first]);
  });
});
