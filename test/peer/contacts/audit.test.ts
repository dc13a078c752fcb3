import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AuditFacts, auditName } from "../../../peer/contacts/audit.ts";
import type { LoggedRecord, LogStatus } from "../../../peer/messaging/ports/key-log.ts";
import { EMPTY_ROOT } from "../../../shared/merkle.ts";
import type { NameRecord } from "../../../shared/name-record.ts";
import { bob, bobAgain, chain, first, mallory, rotated, second, swapped } from "../../support/acquaintance.ts";
import { chainOf, keyOf, NOW_MS, NOW_SECONDS, recordOf } from "../../support/people.ts";

const GOOD: LogStatus = { size: 9, root: EMPTY_ROOT, signedAtMs: NOW_MS, stale: false, forked: false };

/** Every third leaf of the log is one of the name. */
function leavesOf(records: readonly NameRecord[]): LoggedRecord[] {
  return records.map(({ hash }, at) => ({ index: 3 * at, hash }));
}

function factsOf(records: readonly NameRecord[], facts: Partial<AuditFacts> = {}): AuditFacts {
  const logged = leavesOf(records);
  return { records, newest: records.at(-1), logged, log: GOOD, notes: [], pinned: undefined, own: undefined, ...facts };
}

async function problemsOf(records: readonly NameRecord[], facts: Partial<AuditFacts> = {}) {
  const { problems } = await auditName(factsOf(records, facts));
  return problems.map(({ code, reason, seq, index }) => [code, reason, seq ?? index]);
}

describe("an audit of a name where all is well", () => {
  test("finds nothing, and says where each record stands and what it changed", async () => {
    const devices = [{ key: keyOf("laptop"), addedAt: NOW_SECONDS }];
    const moved = await recordOf(bobAgain, { previous: rotated, devices });
    const audit = await auditName(
      factsOf([first, rotated, moved, await recordOf(bobAgain, { previous: moved, devices })]),
    );
    expect(audit.problems).toEqual([]);
    expect(audit.records.map(({ index, change }) => [index, change])).toEqual([
      [0, "first"],
      [3, "rotation"],
      [6, "devices"],
      [9, "other"],
    ]);
  });

  test("finds nothing in one's own name, nor in a contact's that has moved on from the pin", async () => {
    expect(await problemsOf(chain, { own: bob })).toEqual([]);
    expect(await problemsOf(chain, { pinned: second })).toEqual([]);
  });
});

describe("an audit finds", () => {
  test.each<[string, readonly NameRecord[], Partial<AuditFacts>, unknown]>([
    ["a record that is not in the log", chain, { logged: leavesOf(chain).slice(0, 2) }, ["LOG_INVALID", "unlogged", 3]],
    [
      "a record that the server does not show",
      [first],
      { logged: leavesOf(chain.slice(0, 2)) },
      ["LOG_INVALID", "withheld", 3],
    ],
    [
      "a record that is in the log twice",
      [first],
      { logged: leavesOf([first, first]) },
      ["LOG_INVALID", "withheld", 3],
    ],
    [
      "records in another order than in the log",
      [first, second],
      { logged: leavesOf([second, first]) },
      ["LOG_INVALID", "order", 2],
    ],
    ["a chain without its beginning", [second], {}, ["RECORD_INVALID", "chain", 2]],
    ["a chain that does not hold", [swapped, second], {}, ["RECORD_CONFLICT", "chain", 2]],
    ["a newest record that is not the last", chain, { newest: second }, ["RECORD_ROLLBACK", "newest", 2]],
    ["another key than the one that is known", [swapped], { pinned: first }, ["KEY_CHANGED", "pin", 1]],
    ["a record of the known key that is gone", [first], { pinned: second }, ["RECORD_ROLLBACK", "pin", 2]],
    ["a foreign key under one's own name", [first, rotated], { own: bob }, ["LOG_INVALID", "foreign", 2]],
    [
      "a foreign device under one's own name",
      [first],
      { own: { ...bob, device: mallory.device } },
      ["LOG_INVALID", "foreign-device", 1],
    ],
    ["a log that is not renewed", [first], { log: { ...GOOD, stale: true } }, ["LOG_STALE", "age", undefined]],
    ["a log that is proven to be two", [first], { log: { ...GOOD, forked: true } }, ["LOG_FORKED", "fork", undefined]],
  ])("%s", async (_what, records, facts, problem) => {
    expect(await problemsOf(records, facts)).toEqual([problem]);
  });

  test("another record of the known key under its number", async () => {
    const other = await recordOf(bob, { iat: NOW_SECONDS + 1 });
    expect(await problemsOf([other], { pinned: first })).toEqual([["RECORD_CONFLICT", "pin", 1]]);
  });

  test("a signature that is not the key's", async () => {
    const forged = await recordOf(bob, {
      rotation: { signer: mallory.identityKey, isRecoveryKey: false },
      previous: first,
    });
    expect(await problemsOf([first, forged])).toEqual([["RECORD_INVALID", "chain", 2]]);
  });

  test("what proves a fork, and hands it over", async () => {
    const { problems } = await auditName(factsOf([first], { log: { ...GOOD, forked: true }, notes: ["one", "two"] }));
    expect(problems).toMatchObject([{ code: "LOG_FORKED", notes: ["one", "two"] }]);
  });
});

const long = await chainOf(bob, 5);
const foreign = await chainOf(mallory, 5);

type Tampered = { readonly records: readonly NameRecord[]; readonly logged: readonly LoggedRecord[] };
type Tampering = (facts: Tampered, at: number) => Tampered;

/** What a server or a log may do with the records that it shows, or with its entries; `at` is a place in them. */
const TAMPERINGS: Readonly<Record<string, Tampering>> = {
  "leaves a record out": ({ records, logged }, at) => ({ records: records.toSpliced(at, 1), logged }),
  "shows a record twice": ({ records, logged }, at) => ({
    records: records.toSpliced(at, 0, ...records.slice(at, at + 1)),
    logged,
  }),
  "shows another's record": ({ records, logged }, at) => ({
    records: records.with(at, foreign[at] ?? swapped),
    logged,
  }),
  "shows the records backwards": ({ records, logged }) => ({ records: records.toReversed(), logged }),
  "leaves an entry out": ({ records, logged }, at) => ({ records, logged: logged.toSpliced(at, 1) }),
  "adds an entry": ({ records, logged }, at) => ({
    records,
    logged: [...logged, { index: 100, hash: foreign[at]?.hash ?? "" }],
  }),
  "repeats an entry": ({ records, logged }, at) => ({
    records,
    logged: [...logged, { index: 100, hash: records[at]?.hash ?? "" }],
  }),
  "changes an entry": ({ records, logged }, at) => ({
    records,
    logged: logged.map((leaf, place) => (place === at ? { ...leaf, hash: swapped.hash } : leaf)),
  }),
  "changes the order of the entries": ({ records, logged }) => ({
    records,
    logged: logged.map(({ index }, place) => ({ index, hash: records.at(-1 - place)?.hash ?? "" })),
  }),
};

test("any tampering with records or entries is reported, and nothing else", async () => {
  const tampering = fc.constantFrom(...Object.keys(TAMPERINGS));
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 2, max: 5 }), fc.nat(), tampering, async (length, noise, name) => {
      const records = long.slice(0, length);
      const honest = { records, logged: leavesOf(records) };
      expect(await problemsOf(records)).toEqual([]);
      const { records: shown, logged } = TAMPERINGS[name]?.(honest, noise % length) ?? honest;
      expect(await problemsOf(shown, { logged, newest: shown.at(-1) })).not.toEqual([]);
    }),
    { numRuns: 100 },
  );
});
