import type { NameRecord } from "../../../shared/name-record.ts";
import type { Username } from "../../../shared/username.ts";
import type { LogStatus } from "../ports/key-log.ts";
import type { AuditProblem, RecordChange } from "./audit-finding.ts";

export type AuditedRecord = {
  readonly record: NameRecord;
  /** Its place in the log; undefined where the log does not have it. */
  readonly index: number | undefined;
  readonly change: RecordChange;
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
