import { describe, expect, test } from "vitest";
import type { AuditProblem } from "../../../../peer/messaging/keys/audit-finding.ts";
import { type LogFinding, LogWatch } from "../../../../peer/messaging/keys/log-watch.ts";
import type { Contact } from "../../../../peer/messaging/ports/contacts.ts";
import { ChatError } from "../../../../shared/errors.ts";
import type { Username } from "../../../../shared/username.ts";
import { acquainted, alice, bob, first, second } from "../../../support/acquaintance.ts";
import { FakeTime } from "../../../support/fake-time.ts";
import { memoryContacts } from "../../../support/memory-contacts.ts";
import { memoryLog } from "../../../support/memory-log.ts";

const HOUR_MS = 60 * 60_000;
const FOREIGN: AuditProblem = { code: "LOG_INVALID", reason: "foreign", message: "a foreign key", seq: 2 };

const contact = (await acquainted()).stored();

/** Alice watches; her contact is Bob, of whom the log holds these records. */
function watching(...held: (typeof first)[]) {
  const time = new FakeTime();
  const records = [...held];
  const log = memoryLog((username) => (username === bob.username ? records : []));
  log.facts.status = { size: records.length };
  const cursors = new Map<string, number>();
  const told: LogFinding[] = [];
  const failures: unknown[] = [];
  const resolved: Username[] = [];
  const audits = { count: 0, problems: [] as AuditProblem[] };
  const facts: { stale: boolean; refusal?: Error | undefined } = { stale: false };
  const watch = new LogWatch({
    self: alice,
    store: {
      contacts: memoryContacts(contact),
      cursors: {
        get: (reader) => cursors.get(reader) ?? 0,
        set: (reader, cursor) => void cursors.set(reader, cursor),
        ahead: () => undefined,
      },
    },
    log,
    async auditOwn() {
      audits.count += 1;
      return { problems: audits.problems };
    },
    resolver: {
      async resolve(username): Promise<{ contact: Contact; stale: boolean }> {
        resolved.push(username);
        if (facts.refusal !== undefined) throw facts.refusal;
        return { contact, stale: facts.stale };
      },
    },
    runtime: time.runtime("watch"),
    tell: (finding) => void told.push(finding),
    failed: (error) => void failures.push(error),
  });
  const codes = () => told.map(({ code }) => code);
  /** Lets that much time pass, turn by turn. */
  const pass = async (ms: number) => {
    for (let left = ms; ; ) {
      const { passedMs, ran } = time.step(left);
      left -= passedMs;
      await new Promise((resolve) => setImmediate(resolve));
      if (!ran) return;
    }
  };
  const accept = (record: typeof first) => {
    records.push(record);
    log.facts.status = { ...log.facts.status, size: records.length };
  };
  return { watch, log, audits, facts, resolved, failures, told, codes, pass, accept };
}

describe("a daemon that watches the log", () => {
  test("follows it at start and every hour, and audits its own name at start and every day, staggered", async () => {
    const it = watching(first);
    await it.watch.start();
    expect({ syncs: it.log.facts.syncs, audits: it.audits.count }).toEqual({ syncs: 1, audits: 1 });
    await it.pass(0.75 * HOUR_MS - 1);
    expect(it.log.facts.syncs).toBe(1);
    await it.pass(0.25 * HOUR_MS + 1);
    expect(it.log.facts.syncs).toBe(2);
    await it.pass(24 * HOUR_MS);
    expect(it.log.facts.syncs).toBeGreaterThanOrEqual(26);
    expect(it.audits.count).toBe(2);
    expect(it.codes()).toEqual([]);
    await it.watch.stop();
    await it.pass(48 * HOUR_MS);
    expect(it.audits.count).toBe(2);
  });

  test("looks a contact up who has a new record, once, and again where the server could not be asked", async () => {
    const it = watching(first);
    await it.watch.start();
    await it.pass(HOUR_MS);
    expect(it.resolved).toEqual(["bob"]);
    it.accept(second);
    it.facts.stale = true;
    await it.pass(HOUR_MS);
    const failed = it.resolved.length;
    expect(failed).toBeGreaterThan(1);
    it.facts.stale = false;
    await it.pass(2 * HOUR_MS);
    expect(it.resolved).toHaveLength(failed + 1);
  });

  test.each([
    ["a foreign record under its own name", "LOG_INVALID"],
    ["a fork", "LOG_FORKED"],
    ["a log that is not renewed", "LOG_STALE"],
    ["a log that shrinks", "LOG_INVALID"],
    ["a contact's record that the log does not bear out", "LOG_INVALID"],
  ] as const)("tells of %s once, and goes on", async (what, code) => {
    const it = watching(first);
    if (what.startsWith("a foreign")) it.audits.problems.push(FOREIGN);
    if (what === "a fork") it.log.facts.status = { size: 1, forked: true };
    if (what.endsWith("renewed")) it.log.facts.status = { size: 1, stale: true };
    if (what.endsWith("shrinks")) it.log.facts.failure = new ChatError("LOG_INVALID", "shrunk", { reason: "shrunk" });
    if (what.startsWith("a contact")) it.facts.refusal = new ChatError("RECORD_ROLLBACK", "older", { reason: "log" });
    await it.watch.start();
    expect(it.codes()).toEqual([code]);
    expect(it.watch.finding()?.code).toBe(code);
    it.accept(second);
    await it.pass(49 * HOUR_MS);
    expect(it.codes()).toEqual([code]);
    expect(it.log.facts.syncs).toBeGreaterThan(48);
  });

  test("tells anew of what had ended and comes back", async () => {
    const it = watching(first);
    it.log.facts.status = { size: 1, stale: true };
    await it.watch.start();
    it.log.facts.status = { size: 1, stale: false };
    await it.pass(HOUR_MS);
    expect(it.watch.finding()).toBeUndefined();
    it.log.facts.status = { size: 1, stale: true };
    await it.pass(HOUR_MS);
    expect(it.codes()).toEqual(["LOG_STALE", "LOG_STALE"]);
  });

  test("does not call a log stale whose server is down, until a day is over", async () => {
    const it = watching(first);
    it.log.facts.status = { size: 1, stale: true };
    it.log.facts.failure = new ChatError("SERVER_UNREACHABLE", "down");
    await it.watch.start();
    await it.pass(24 * HOUR_MS);
    expect(it.codes()).toEqual([]);
    await it.pass(2 * HOUR_MS);
    expect(it.codes()).toEqual(["LOG_STALE"]);
    expect(it.failures.length).toBeGreaterThan(10);
  });

  test("is told of a fork that others have found", async () => {
    const it = watching(first);
    await it.watch.start();
    it.log.facts.status = { size: 1, forked: true };
    it.watch.noteStatus();
    it.watch.hear(new ChatError("LOG_FORKED", "two"));
    expect(it.codes()).toEqual(["LOG_FORKED"]);
  });

  test("is told of what others were shown and it was not, and of nothing else that fails", async () => {
    const it = watching(first);
    await it.watch.start();
    for (let times = 0; times < 2; times += 1) {
      it.watch.hear(new ChatError("LOG_STALE", "hidden from this device", { reason: "hidden" }));
      it.watch.hear(new ChatError("PEER_UNREACHABLE", "offline"));
    }
    expect(it.told).toEqual([{ code: "LOG_STALE", message: "hidden from this device" }]);
  });

  test("forgets what it was told of once the log holds again, and tells of it anew", async () => {
    const it = watching(first);
    const hidden = () => it.watch.hear(new ChatError("LOG_STALE", "hidden from this device", { reason: "hidden" }));
    await it.watch.start();
    hidden();
    expect(it.watch.finding()?.code).toBe("LOG_STALE");
    await it.pass(HOUR_MS);
    expect(it.watch.finding()).toBeUndefined();
    hidden();
    expect(it.codes()).toEqual(["LOG_STALE", "LOG_STALE"]);
  });

  test("begins anew with a log that was accepted in the place of another", async () => {
    const it = watching(first);
    it.log.facts.failure = new ChatError("LOG_INVALID", "another key", { reason: "key" });
    await it.watch.start();
    expect(it.watch.finding()?.code).toBe("LOG_INVALID");
    it.log.facts.failure = undefined;
    await it.pass(HOUR_MS);
    const { audits, resolved } = it;
    const before = { audits: audits.count, resolved: resolved.length };
    it.watch.hear(new ChatError("LOG_INVALID", "another key", { reason: "key" }));
    it.watch.begunAnew();
    expect(it.watch.finding()).toBeUndefined();
    await it.pass(HOUR_MS);
    expect({ audits: audits.count, resolved: resolved.length }).toEqual({
      audits: before.audits + 1,
      resolved: before.resolved + 1,
    });
  });

  test("does not judge a changed key, which is told of where it is noted", async () => {
    const it = watching(first);
    it.facts.refusal = new ChatError("KEY_CHANGED", "another");
    await it.watch.start();
    await it.pass(HOUR_MS);
    expect({ told: it.told, resolved: it.resolved }).toEqual({ told: [], resolved: ["bob"] });
  });
});
