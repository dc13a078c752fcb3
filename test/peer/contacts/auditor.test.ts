import { describe, expect, test } from "vitest";
import { createAuditor } from "../../../peer/contacts/auditor.ts";
import { ChatError } from "../../../shared/errors.ts";
import { alice, bob, chain, first, mallory, second, swapped } from "../../support/acquaintance.ts";
import { expectError } from "../../support/expect-error.ts";
import { memoryLog } from "../../support/memory-log.ts";
import { memoryNaming } from "../../support/memory-naming.ts";
import { AUDIENCE, personOf, recordOf } from "../../support/people.ts";

/** Alice's auditor; the server shows the last of these records, the log holds all of them. */
function auditing(...records: readonly Awaited<ReturnType<typeof recordOf>>[]) {
  const server = memoryNaming();
  const held = [...records];
  const log = memoryLog(({ length }) => (length === bob.username.length ? held : []));
  if (records.length > 0) server.show(records);
  const auditor = createAuditor({ server, known: () => undefined, log, audience: () => AUDIENCE, own: alice });
  const codes = async () => {
    const { problems } = await auditor.audit(bob.username);
    return problems.map(({ code, reason }) => [code, reason]);
  };
  return { server, held, log, auditor, codes };
}

describe("an auditor", () => {
  test("asks for all records and for the log, and finds nothing where all is well", async () => {
    const { auditor, log } = auditing(...chain);
    const { records, problems } = await auditor.audit(bob.username);
    expect({ seqs: records.map(({ index }) => index), problems }).toEqual({ seqs: [0, 1, 2], problems: [] });
    expect(log.facts.syncs).toBe(1);
  });

  test("looks again where a record was accepted between its questions", async () => {
    const { server, held, log, codes } = auditing(first);
    log.sync = async () => {
      held.splice(1, 1, second);
      server.show([first, second]);
    };
    expect(await codes()).toEqual([]);
  });

  test("tells of a log that fails to keep its word, and of a fork once", async () => {
    const { log, codes } = auditing(first);
    log.facts.failure = new ChatError("LOG_INVALID", "shrunk", { reason: "shrunk" });
    expect(await codes()).toEqual([["LOG_INVALID", "shrunk"]]);
    log.facts.failure = new ChatError("LOG_FORKED", "two");
    log.facts.status = { forked: true };
    expect(await codes()).toEqual([["LOG_FORKED", "fork"]]);
  });

  test("tells of records that are none", async () => {
    const { server, codes, held } = auditing(first);
    held.length = 0;
    server.fail(new ChatError("RECORD_INVALID", "no", { reason: "form" }));
    expect(await codes()).toEqual([["RECORD_INVALID", "form"]]);
  });

  test("does not take a server's word that a name is unknown which is in the log", async () => {
    const { server, codes, held, auditor } = auditing(first);
    server.fail(new ChatError("NAME_UNKNOWN", "no such name"));
    expect(await codes()).toEqual([["LOG_INVALID", "withheld"]]);
    held.length = 0;
    await expectError(auditor.audit(bob.username), "NAME_UNKNOWN");
  });

  test("holds a contact's records to the pin, and one's own to one's keys", async () => {
    const server = memoryNaming();
    server.show([swapped]);
    const log = memoryLog(() => [swapped]);
    const options = { server, known: () => undefined, log, audience: () => AUDIENCE };
    const auditor = createAuditor({ ...options, own: bob });
    expect((await auditor.audit(bob.username)).problems.map(({ reason }) => reason)).toEqual([
      "foreign",
      "foreign-device",
    ]);
    const of = createAuditor({ ...options, own: mallory });
    expect((await of.audit(bob.username)).problems).toEqual([]);
    const pinned = createAuditor({ ...options, own: alice, known: () => first.jws.text });
    expect((await pinned.audit(bob.username)).problems).toMatchObject([{ code: "KEY_CHANGED", reason: "pin" }]);
  });

  test("refuses records made for another server", async () => {
    const { codes } = auditing(await recordOf(personOf("bob", { aud: "https://evil.example" })));
    expect(await codes()).toContainEqual(["RECORD_INVALID", "aud"]);
  });

  test("fails where the server cannot be asked", async () => {
    const { server, auditor } = auditing(first);
    server.fail(new ChatError("SERVER_UNREACHABLE", "down"));
    await expectError(auditor.audit(bob.username), "SERVER_UNREACHABLE");
  });
});
