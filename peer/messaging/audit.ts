import type { ErrorCode } from "../../shared/errors.ts";
import type { NameRecord } from "../../shared/name-record.ts";
import type { Username } from "../../shared/username.ts";
import type { LogStatus } from "./ports.ts";

/**
 * What a record changed: `rotation`, another identity key, by the word of the one before; `recovery`, by that of the
 * recovery key; `devices`, which devices are listed.
 */
export type RecordChange = "first" | "rotation" | "recovery" | "devices" | "other";

export type AuditedRecord = {
  readonly record: NameRecord;
  /** Its place in the log; undefined where the log does not have it. */
  readonly index: number | undefined;
  readonly change: RecordChange;
};

/** What is wrong with a name: `code` and `reason` are for programs. */
export type AuditProblem = {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly message: string;
  /** Of the record that it is about. */
  readonly seq?: number;
  /** Of the log's entry that it is about. */
  readonly index?: number;
  /** Signed notes that prove it to anybody. */
  readonly notes?: readonly string[];
};

/** Every record of a name, held against the log. */
export type NameAudit = {
  readonly username: Username;
  /** Oldest first. */
  readonly records: readonly AuditedRecord[];
  /** None where all is well. */
  readonly problems: readonly AuditProblem[];
  readonly log: LogStatus;
};

export interface Auditor {
  /** @throws ChatError NAME_UNKNOWN; as `NamingServer` where the server cannot be asked */
  audit(username: Username, signal?: AbortSignal): Promise<NameAudit>;
}
