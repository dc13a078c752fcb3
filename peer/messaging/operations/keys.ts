import type { AuditProblem, RecordChange } from "../keys/audit-finding.ts";

/** What is wrong: none, not asked yet, or why nothing new of the server is believed. */
export type LogState = "ok" | "unknown" | "LOG_FORKED" | "LOG_INVALID" | "LOG_STALE";

/** What this device makes of the naming server's log. */
export type LogView = {
  /** Of the newest checkpoint that was verified. */
  readonly size: number;
  /** When the server signed it; null before the first. */
  readonly signedAt: string | null;
  readonly state: LogState;
};

export type AuditRecordView = {
  readonly seq: number;
  /** Its place in the log; null where it is not there. */
  readonly position: number | null;
  readonly issuedAt: string;
  readonly change: RecordChange;
  readonly fingerprint: string;
  readonly devices: readonly string[];
};

export type KeyAudit = {
  readonly username: string;
  readonly verdict: "ok" | "bad";
  readonly problems: readonly AuditProblem[];
  readonly records: readonly AuditRecordView[];
  readonly log: {
    readonly size: number;
    /** base64 */
    readonly root: string;
    readonly signedAt: string | null;
    readonly stale: boolean;
    readonly forked: boolean;
  };
};

export type KeyView = {
  readonly username: string;
  readonly fingerprint: string;
  readonly devices: readonly string[];
  readonly seq: number;
  /** Of that record in the log; null where it is not there. */
  readonly position: number | null;
};

export type KeyRotation = {
  readonly username: string;
  readonly oldFingerprint: string;
  readonly newFingerprint: string;
  readonly seq: number;
};

export type LogKeys = {
  readonly oldFingerprint: string;
  readonly newFingerprint: string;
  /** False while it was only shown. */
  readonly accepted: boolean;
};
