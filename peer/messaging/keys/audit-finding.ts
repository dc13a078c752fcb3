import type { ErrorCode } from "../../../shared/errors.ts";

/**
 * What a record changed: `rotation`, another identity key, by the word of the one before; `recovery`, by that of the
 * recovery key; `devices`, which devices are listed.
 */
export type RecordChange = "first" | "rotation" | "recovery" | "devices" | "other";

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
