import { describe, expect, test } from "vitest";
import {
  mailboxSecrets,
  noteRelays,
  secretsTold,
  secretsUsable,
  toldRelays,
} from "../../../../peer/messaging/mailbox/own-boxes.ts";
import type { MailboxSecret } from "../../../../peer/messaging/store/mailbox.ts";
import { FakeTime } from "../../../support/fake-time.ts";
import { personOf } from "../../../support/people.ts";

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
  return Object.assign(
    (weeks: number) => {
      time.setClock(beganMs + weeks * WEEK);
      return mailboxSecrets(store, runtime);
    },
    { store },
  );
}

const relay = (name: string, port = 4001) => `/ip4/192.0.2.9/tcp/${port}/p2p/${personOf(name).device}`;

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

describe("the relays that people were told of", () => {
  test("are known as long as the secret of their week, each once, and where they are by now", () => {
    const inWeek = secretsInWeek();
    noteRelays(inWeek.store, inWeek(0)[0], [relay("one"), relay("two")]);
    noteRelays(inWeek.store, inWeek(1)[0], [relay("two")]);
    noteRelays(inWeek.store, inWeek(1)[0], [relay("three")]);
    expect(toldRelays(inWeek(2), [])).toEqual([relay("three"), relay("two"), relay("one")]);
    expect(toldRelays(inWeek(2), [relay("two", 4002)])).toEqual([relay("three"), relay("two", 4002), relay("one")]);
    expect(toldRelays(inWeek(6), [])).toEqual([relay("three"), relay("two")]);
  });

  test("are a few, however often the list changes", () => {
    const inWeek = secretsInWeek();
    for (let n = 0; n < 100; n += 1) noteRelays(inWeek.store, inWeek(n / 20)[0], [relay(`relay-${n}`)]);
    expect(toldRelays(inWeek(5), [])).toEqual([99, 98, 97, 96, 95, 94, 93, 92].map((n) => relay(`relay-${n}`)));
    expect(inWeek(5)[1]?.relays).toHaveLength(8);
  });
});

describe("the weeks of which there may be boxes at a relay", () => {
  const weeksOf = (secrets: readonly MailboxSecret[]) => secrets.map(({ week }) => week % 10);

  test("are this one, those in which people were told of it, and those of which that is not known", () => {
    const secretOf = (week: number, relays?: readonly string[]): MailboxSecret => ({
      ...{ week, secret: new Uint8Array(32) },
      ...(relays !== undefined && { relays }),
    });
    const { device } = personOf("one");
    const secrets = [secretOf(5, []), secretOf(4, [relay("two")]), secretOf(3, [relay("one", 4002)])] as const;
    expect(weeksOf(secretsUsable([...secrets, secretOf(2), secretOf(1, [])], device))).toEqual([5, 3, 2]);
    expect(weeksOf(secretsTold([...secrets, secretOf(2), secretOf(1, [])], device))).toEqual([3]);
  });

  test("count one that is in use for long, however many others were besides", () => {
    const inWeek = secretsInWeek();
    for (let n = 0; n < 20; n += 1) {
      noteRelays(inWeek.store, inWeek(0)[0], [relay("one"), relay(`relay-${n}`)]);
      expect(inWeek(0)[0].relays).toContain(relay("one"));
    }
  });
});
