import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { follow, type History, verifyFirst } from "../../../peer/contacts/follow.ts";
import { rawPublicKey } from "../../../shared/ed25519.ts";
import { ChatError } from "../../../shared/errors.ts";
import { fingerprintOf } from "../../../shared/fingerprint.ts";
import { type NameRecord, parseNameRecord, recoveryHash } from "../../../shared/name-record.ts";
import { expectError } from "../../support/expect-error.ts";
import { chainOf, keyOf, NOW_SECONDS, personOf, recordOf, rotate } from "../../support/people.ts";

const bob = personOf("bob");
const bobAgain = personOf("bob", { identity: "bob second identity" });
const mallory = personOf("bob", { identity: "mallory", device: "mallory device" });
const chain = await chainOf(bob, 4);
const [first] = chain;
const rotated = await rotate(bob, first, bobAgain);

const showing =
  (...records: NameRecord[]): History =>
  async (after) =>
    records.filter(({ payload }) => payload.seq > after);
const unasked: History = () => Promise.reject(new Error("nobody should ask"));
const at = (index: number): NameRecord => {
  const record = chain[index];
  if (record === undefined) throw new Error("no such record");
  return record;
};

describe("meeting somebody", () => {
  test("takes a self-signed record, without a look at the history", async () => {
    await verifyFirst(first, unasked);
    await verifyFirst(at(3), unasked);
  });

  test("takes a rotated record with its whole chain", async () => {
    await verifyFirst(rotated, showing(first, rotated));
    const after = await recordOf(bobAgain, { previous: rotated });
    await verifyFirst(after, unasked);
    await verifyFirst(rotated, showing(first, rotated, after));
  });

  test.each<[string, () => readonly NameRecord[]]>([
    ["nothing", () => []],
    ["not its start", () => [rotated]],
    ["not its end", () => [first]],
  ])("refuses a rotated record where the history shows %s", async (_, history) => {
    await expectError(verifyFirst(rotated, showing(...history())), "RECORD_INVALID");
  });

  test("refuses a rotated record with another's beginning", async () => {
    const other = await recordOf(mallory);
    await expectError(verifyFirst(rotated, showing(other, rotated)), "RECORD_CONFLICT");
  });

  test("refuses a record that somebody else signed", async () => {
    const forged = await forgedBy(keyOf("stranger"));
    await expectError(verifyFirst(forged, unasked), "SIGNATURE_INVALID");
  });
});

describe("following a pinned record", () => {
  test("stays with the very same bytes", async () => {
    expect(await follow(first, parseNameRecord(first.jws.text), unasked)).toBe("same");
  });

  test("moves on to the next record without a look at the history", async () => {
    expect(await follow(first, at(1), unasked)).toBe("followed");
    expect(await follow(first, rotated, unasked)).toBe("followed");
  });

  test("moves on over any number of records, and no further than what is offered", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 3 }), fc.nat({ max: 3 }), async (from, to) => {
        const attempt = follow(at(from), at(to), showing(...chain));
        if (from > to) await expectError(attempt, "RECORD_ROLLBACK");
        else expect(await attempt).toBe(from === to ? "same" : "followed");
      }),
    );
  });

  test("follows a rotation that the recovery key signed", async () => {
    const recoveryKey = keyOf("recovery");
    const committed = await recordOf(bob, { recovery: recoveryHash(rawPublicKey(recoveryKey)) });
    const rotation = { signer: recoveryKey, isRecoveryKey: true };
    expect(await follow(committed, await recordOf(bobAgain, { previous: committed, rotation }), unasked)).toBe(
      "followed",
    );
  });

  test("refuses an older record of the same key", async () => {
    const error = await expectError(follow(at(2), at(1), unasked), "RECORD_ROLLBACK");
    expect(error.details).toMatchObject({ username: "bob", pinnedSeq: 3, seq: 2 });
  });

  test("refuses the record before a rotation as a rollback, not as a key to be trusted", async () => {
    await expectError(follow(rotated, first, unasked), "RECORD_ROLLBACK");
  });

  test("refuses another record of the same sequence and key", async () => {
    const other = await recordOf(bob, { iat: NOW_SECONDS + 5 });
    await expectError(follow(first, other, unasked), "RECORD_ROLLBACK");
  });

  test("calls another key of the same sequence a changed key, and shows both fingerprints", async () => {
    const error = await expectError(follow(first, await recordOf(mallory), unasked), "KEY_CHANGED");
    expect(error.details).toEqual({
      username: "bob",
      oldFingerprint: fingerprintOf(bob.identity),
      newFingerprint: fingerprintOf(mallory.identity),
      seq: 1,
    });
  });

  test("calls a key changed that signs itself in as the next record", async () => {
    const next = await recordOf(mallory, { previous: first });
    await expectError(follow(first, next, unasked), "KEY_CHANGED");
  });

  test("calls a key changed that comes with a chain of its own", async () => {
    const own = await chainOf(mallory, 3);
    const end = own[2] ?? first;
    await expectError(follow(first, end, showing(...own)), "KEY_CHANGED");
  });

  test("calls a rotation by a stranger a changed key", async () => {
    const stranger = personOf("bob", { identity: "stranger" });
    await expectError(follow(first, await rotate(stranger, first, mallory), unasked), "KEY_CHANGED");
  });

  test.each<[string, () => readonly NameRecord[]]>([
    ["withheld", () => []],
    ["cut short", () => [rotated]],
    ["of other records", () => chain],
  ])("calls a key changed whose history is %s", async (_, history) => {
    const third = await recordOf(bobAgain, { previous: rotated });
    expect(await follow(first, third, showing(first, rotated, third))).toBe("followed");
    await expectError(follow(first, third, showing(...history())), "KEY_CHANGED");
  });

  test("does not cry wolf where the history of an unchanged key is withheld", async () => {
    await expectError(follow(first, at(3), showing()), "RECORD_INVALID", "history");
    await expectError(follow(first, at(3), showing(at(1), at(3))), "RECORD_CONFLICT");
  });

  test("takes a record that no key of its own has signed for garbage", async () => {
    const forged = await forgedBy(keyOf("stranger"));
    await expectError(follow(first, forged, unasked), "SIGNATURE_INVALID");
  });

  test("hands on what keeps it from reading the history", async () => {
    const down: History = () => Promise.reject(new ChatError("SERVER_UNREACHABLE", "down"));
    const third = await recordOf(bobAgain, { previous: rotated });
    await expectError(follow(first, third, down), "SERVER_UNREACHABLE");
  });
});

/** Mallory's record with a signature of `signer`. */
async function forgedBy(signer: ReturnType<typeof keyOf>): Promise<NameRecord> {
  const sound = await recordOf(mallory);
  const other = await recordOf({ ...mallory, identityKey: signer }, { iat: NOW_SECONDS });
  const [header, payload] = sound.jws.text.split(".");
  return parseNameRecord(`${header}.${payload}.${other.jws.text.split(".")[2]}`);
}
