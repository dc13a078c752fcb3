import { describe, expect, test } from "vitest";
import { RecordKeeper } from "../../../../peer/messaging/publishing/own-record.ts";
import { ChatError, type ErrorCode } from "../../../../shared/errors.ts";
import type { NameRecord } from "../../../../shared/name-record.ts";
import { expectError } from "../../../support/expect-error.ts";
import { chainOf, personOf, recordOf } from "../../../support/people.ts";

const alice = personOf("alice");
const HOUR_MS = 3_600_000;

/** A naming server that holds a chain of records, and lets in whoever its newest one lists. */
function keeping(kept: readonly NameRecord[], held: NameRecord[], options: { isLetIn?: boolean } = {}) {
  const time = { nowMs: 0 };
  const calls: string[] = [];
  const stored = { records: kept.map(({ jws }) => jws.text) };
  const known = new Map<string, NameRecord>();
  const naming = {
    async lookup() {
      calls.push("lookup");
      if (options.isLetIn === false) throw new ChatError("TOKEN_INVALID", "no", { reason: "device" });
      const record = held.at(-1);
      if (record === undefined) throw new ChatError("NAME_UNKNOWN", "no such name");
      return { record, addresses: new Map(), mailboxes: new Map() };
    },
    history: async (_username: string, after: number) => held.slice(after),
    async putRecord(_username: string, text: string) {
      const record = known.get(text);
      if (record === undefined) throw new Error("not a record of this test");
      const { seq } = record.payload;
      calls.push(`put ${seq}`);
      if (held.at(-1)?.hash === record.hash) return;
      if (seq === 1 && held.length > 0) throw new ChatError("USERNAME_TAKEN", "taken");
      if (seq !== held.length + 1) throw new ChatError("RECORD_CONFLICT", "does not follow");
      held.push(record);
    },
  };
  for (const record of [...kept, ...held]) known.set(record.jws.text, record);
  const records = {
    all: () => stored.records,
    save: (texts: readonly string[]) => {
      stored.records = [...texts];
    },
  };
  const runtime = { monotonic: () => time.nowMs };
  const keeper = new RecordKeeper({ self: alice, naming, records, runtime });
  const keep = () => keeper.keep(new AbortController().signal);
  return { keep, calls, held, stored, time };
}

const textsOf = (records: readonly NameRecord[]) => records.map(({ jws }) => jws.text);

describe("the own name", () => {
  test("is kept here record by record, as the server shows it", async () => {
    const chain = await chainOf(alice, 3);
    const { keep, stored, calls } = keeping([], [...chain]);
    await keep();
    expect(stored.records).toEqual(textsOf(chain));
    expect(calls).toEqual(["lookup"]);
  });

  test("is compared at the start and every hour, and sooner after a failure", async () => {
    const chain = await chainOf(alice, 1);
    const { keep, calls, time } = keeping(chain, [...chain]);
    for (const nowMs of [0, 1, HOUR_MS - 1, HOUR_MS]) {
      time.nowMs = nowMs;
      await keep();
    }
    expect(calls).toEqual(["lookup", "lookup"]);
    const failing = keeping([], []);
    await expectError(failing.keep(), "NAME_UNKNOWN");
    failing.time.nowMs = 59_999;
    await failing.keep();
    failing.time.nowMs = 60_000;
    await expectError(failing.keep(), "NAME_UNKNOWN");
  });

  test.each([
    ["its newest record", 3, 2, ["lookup", "put 3"]],
    ["two records", 4, 2, ["lookup", "put 3", "put 4"]],
    ["all of them", 2, 0, ["lookup", "put 2", "put 1", "put 2"]],
  ])("is published again where the server lost %s", async (_what, length, left, expected) => {
    const chain = await chainOf(alice, length);
    const { keep, held, calls } = keeping(chain, chain.slice(0, left));
    await keep();
    expect(textsOf(held)).toEqual(textsOf(chain));
    expect(calls).toEqual(expected);
  });

  test("is published again where the server's older record does not list this device", async () => {
    const chain = await chainOf(alice, 4);
    const { keep, held, calls } = keeping(chain, chain.slice(0, 2), { isLetIn: false });
    await keep();
    expect(textsOf(held)).toEqual(textsOf(chain));
    expect(calls).toEqual(["lookup", "put 4", "put 3", "put 4"]);
  });

  test("is left to the server where this device was replaced: nothing older takes", async () => {
    const chain = await chainOf(alice, 3);
    const { keep, held, stored } = keeping(chain.slice(0, 2), [...chain], { isLetIn: false });
    await expectError(keep(), "USERNAME_TAKEN");
    expect(textsOf(held)).toEqual(textsOf(chain));
    expect(stored.records).toHaveLength(2);
  });

  test("that goes on from another record than the one kept is a conflict, and nothing is published", async () => {
    const [first] = await chainOf(alice, 1);
    const mine = await recordOf(alice, { previous: first, iat: first.payload.iat + 1 });
    const theirs = await recordOf(alice, { previous: first, iat: first.payload.iat + 2 });
    const { keep, calls, stored } = keeping([first, mine], [first, theirs]);
    await expectError(keep(), "RECORD_CONFLICT");
    const longer = keeping([first, mine], [first, theirs, await recordOf(alice, { previous: theirs })]);
    await expectError(longer.keep(), "RECORD_CONFLICT");
    expect(calls).toEqual(["lookup"]);
    expect(stored.records).toHaveLength(2);
  });

  test("that another identity key holds is not taken in", async () => {
    const thief = await recordOf(personOf("alice", { identity: "thief" }));
    const { keep, stored } = keeping([], [thief]);
    await expectError(keep(), "KEY_CHANGED");
    expect(stored.records).toEqual([]);
  });

  test.each(["SERVER_UNREACHABLE", "RATE_LIMITED"] satisfies ErrorCode[])(
    "is not published blindly after %s",
    async (code) => {
      const chain = await chainOf(alice, 2);
      const calls: string[] = [];
      const refuse = async () => {
        throw new ChatError(code, "no");
      };
      const naming = { lookup: refuse, history: refuse, putRecord: async () => void calls.push("put") };
      const records = { all: () => textsOf(chain), save: () => undefined };
      const keeper = new RecordKeeper({ self: alice, naming, records, runtime: { monotonic: () => 0 } });
      await expectError(keeper.keep(new AbortController().signal), code);
      expect(calls).toEqual([]);
    },
  );
});
