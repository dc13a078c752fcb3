import { equalBytes } from "../../shared/bytes.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import { ChatError, isChatError } from "../../shared/errors.ts";
import { fingerprintOf } from "../../shared/fingerprint.ts";
import { type NameRecord, verifySelfSigned, verifySuccession } from "../../shared/name-record.ts";
import type { AuditedRecord, NameAudit } from "../messaging/keys/audit.ts";
import type { AuditProblem, RecordChange } from "../messaging/keys/audit-finding.ts";
import type { LoggedRecord, LogStatus } from "../messaging/ports/key-log.ts";

/** All that is known of a name; nothing of it is verified but the log's copy. */
export type AuditFacts = {
  /** As the server shows them, oldest first. */
  readonly records: readonly NameRecord[];
  /** What it shows as the name's record now. */
  readonly newest: NameRecord | undefined;
  /** What the log's verified copy holds of the name. */
  readonly logged: readonly LoggedRecord[];
  readonly log: LogStatus;
  /** What proves a fork. */
  readonly notes: readonly string[];
  /** The record by which this profile knows the contact. */
  readonly pinned: NameRecord | undefined;
  /** The profile's own keys, where the name is its own. */
  readonly own: { readonly identity: Uint8Array; readonly device: DeviceId } | undefined;
};

/** Holds records, log and what this profile knows against each other: any difference is a problem. */
export async function auditName(facts: AuditFacts): Promise<Pick<NameAudit, "records" | "problems">> {
  const { records, logged } = facts;
  const placed = placeRecords(records, logged);
  const problems = [
    ...logProblems(facts),
    ...(await chainProblems(records)),
    ...placeProblems(placed, logged),
    ...newestProblems(facts),
    ...pinProblems(facts),
    ...ownProblems(facts),
  ];
  return { records: placed, problems };
}

function placeRecords(records: readonly NameRecord[], logged: readonly LoggedRecord[]): AuditedRecord[] {
  return records.map((record, at) => ({
    record,
    index: logged.find(({ hash }) => hash === record.hash)?.index,
    change: changeOf(record, records[at - 1]),
  }));
}

function changeOf({ payload }: NameRecord, previous: NameRecord | undefined): RecordChange {
  if (previous === undefined) return "first";
  if (payload.recoveryKey !== undefined) return "recovery";
  if (payload.proof !== undefined) return "rotation";
  const idsOf = ({ devices }: NameRecord["payload"]) => devices.map(({ id }) => id).join(" ");
  return idsOf(payload) === idsOf(previous.payload) ? "other" : "devices";
}

function logProblems({ log, notes }: AuditFacts): AuditProblem[] {
  const problems: AuditProblem[] = [];
  if (log.forked) {
    const message = "the naming server has signed two different logs; the notes prove it";
    problems.push({ code: "LOG_FORKED", reason: "fork", message, notes });
  }
  if (log.stale) {
    const message = "the naming server's log has not been renewed for a day: it may be showing an old view";
    problems.push({ code: "LOG_STALE", reason: "age", message });
  }
  return problems;
}

/** From the first record, which vouches for itself, to the last. */
async function chainProblems(records: readonly NameRecord[]): Promise<AuditProblem[]> {
  const problems: AuditProblem[] = [];
  for (const [at, record] of records.entries()) {
    const previous = records[at - 1];
    try {
      await (previous === undefined ? verifyFirstRecord(record) : verifySuccession(previous, record));
    } catch (error) {
      if (!isChatError(error)) throw error;
      problems.push({ code: error.code, reason: "chain", message: error.message, seq: record.payload.seq });
    }
  }
  return problems;
}

async function verifyFirstRecord(record: NameRecord): Promise<void> {
  if (record.payload.seq !== 1) throw new ChatError("RECORD_INVALID", "the first record is not shown");
  await verifySelfSigned(record);
}

/** Records and entries of the log belong to each other one to one, in the same order. */
function placeProblems(placed: readonly AuditedRecord[], logged: readonly LoggedRecord[]): AuditProblem[] {
  const problems: AuditProblem[] = [];
  let last = -1;
  for (const { record, index } of placed) {
    const { seq } = record.payload;
    if (index === undefined) {
      problems.push(logInvalid("unlogged", `record ${seq} is not in the log`, { seq }));
    } else if (index <= last) {
      problems.push(logInvalid("order", `record ${seq} is in the log before its predecessor`, { seq, index }));
    }
    last = Math.max(last, index ?? last);
  }
  const shown = new Set(placed.map(({ index }) => index));
  for (const { index } of logged.filter((leaf) => !shown.has(leaf.index))) {
    problems.push(
      logInvalid("withheld", `entry ${index} of the log is a record that the server does not show`, { index }),
    );
  }
  return problems;
}

function newestProblems({ records, newest }: AuditFacts): AuditProblem[] {
  const last = records.at(-1);
  if (last === undefined || newest === undefined || last.hash === newest.hash) return [];
  const { seq } = newest.payload;
  const message = `the server shows record ${seq} as the newest, and a history that ends with ${last.payload.seq}`;
  return [{ code: "RECORD_ROLLBACK", reason: "newest", message, seq }];
}

function pinProblems({ records, pinned }: AuditFacts): AuditProblem[] {
  if (pinned === undefined || records.some(({ hash }) => hash === pinned.hash)) return [];
  const { seq } = pinned.payload;
  const other = records.find(({ payload }) => payload.seq === seq);
  if (other === undefined) {
    const message = `record ${seq}, by which this profile knows the contact, is not shown any more`;
    return [{ code: "RECORD_ROLLBACK", reason: "pin", message, seq }];
  }
  const keys = `known ${fingerprintOf(pinned.identity)}, shown ${fingerprintOf(other.identity)}`;
  const message = `record ${seq} is not the one by which this profile knows the contact: ${keys}`;
  const code = equalBytes(other.identity, pinned.identity) ? "RECORD_CONFLICT" : "KEY_CHANGED";
  return [{ code, reason: "pin", message, seq }];
}

function ownProblems({ records, newest, own }: AuditFacts): AuditProblem[] {
  if (own === undefined) return [];
  const problems: AuditProblem[] = [];
  for (const record of new Set([records.at(-1), newest])) {
    if (record === undefined) continue;
    const { seq } = record.payload;
    if (!equalBytes(record.identity, own.identity)) {
      const message = `record ${seq} of this profile's own name has a foreign key, ${fingerprintOf(record.identity)}`;
      problems.push(logInvalid("foreign", message, { seq }));
    }
    const foreign = record.devices.filter((device) => device !== own.device);
    if (foreign.length > 0) {
      const message = `record ${seq} of this profile's own name lists a foreign device, ${foreign.join(", ")}`;
      problems.push(logInvalid("foreign-device", message, { seq }));
    }
  }
  return problems;
}

function logInvalid(reason: string, message: string, at: Pick<AuditProblem, "seq" | "index">): AuditProblem {
  return { code: "LOG_INVALID", reason, message, ...at };
}
