import type { LogState } from "./keys.ts";

export type ContactView = {
  readonly username: string;
  readonly fingerprint: string;
  readonly verified: boolean;
  readonly blocked: boolean;
  readonly accepted: boolean;
  readonly keyChanged: boolean;
  readonly seq: number;
  readonly devices: readonly string[];
  /** Seconds; null: for good. */
  readonly expireSeconds: number | null;
  /** They are told which of their messages were seen here. */
  readonly readMarks: boolean;
  /** They are told while something is written to them here, and it shows here where they tell it. */
  readonly typing: boolean;
  readonly pinnedAt: string;
};

/** `open`: shown. `requests`: kept, not shown, until accepted. `contacts`: refused. */
export type InboxMode = "open" | "requests" | "contacts";

export type InboxView = {
  readonly mode: InboxMode;
  /** Who waits to be accepted, and with how many messages. */
  readonly requests: readonly { readonly username: string; readonly messages: number }[];
};

export type VerifyResult = {
  readonly username: string;
  /** 60 digits. */
  readonly safetyNumber: string;
  readonly verified: boolean;
};

export type TrustResult = {
  readonly username: string;
  readonly oldFingerprint: string;
  readonly newFingerprint: string;
  /** False while it was only shown. */
  readonly accepted: boolean;
  /** Absent where the key has not changed. */
  readonly change?: KeyChange;
};

/** What is known of a key that took the place of a pinned one. */
export type KeyChange = {
  readonly pinnedAt: string;
  /** The safety number was compared with the pinned key. */
  readonly verified: boolean;
  /** When this device first saw the new key. */
  readonly seenAt: string;
  /** When the new record was made, by its own word. */
  readonly issuedAt: string;
  readonly oldSeq: number;
  readonly newSeq: number;
  /** The pinned key, or the recovery key that it named, has signed the new one. */
  readonly vouched: boolean;
  readonly log: {
    readonly state: LogState;
    /** Of the pinned record and of the new one; null where the log does not have it. */
    readonly oldPosition: number | null;
    readonly newPosition: number | null;
    /** Nothing newer of that name is in the log. */
    readonly newest: boolean;
  };
};

export type RecordView = {
  readonly username: string;
  readonly fingerprint: string;
  readonly seq: number;
  readonly devices: readonly string[];
  readonly online: boolean;
  readonly pinned: boolean;
};
