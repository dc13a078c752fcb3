import type { Username } from "../../../shared/username.ts";

/** Where the log shows a record of a name. */
export type LoggedRecord = {
  readonly index: number;
  /** base64url of SHA-256 of the record. */
  readonly hash: string;
};

/** What this device makes of the naming server's log. */
export type LogStatus = {
  /** Of the newest checkpoint that was verified. */
  readonly size: number;
  readonly root: Uint8Array;
  /** When the server signed it, milliseconds since the Unix epoch; undefined before the first. */
  readonly signedAtMs: number | undefined;
  /** No checkpoint younger than a day was seen: the server may be showing an old view. */
  readonly stale: boolean;
  /** There is proof that the server has signed two logs. */
  readonly forked: boolean;
};

/** This device's verified copy of the naming server's log of all accepted records. */
export interface KeyLog {
  /**
   * Fetches what is new and verifies that it continues what was seen before. `maxAgeMs`: a copy verified so recently will
   * do.
   * @throws ChatError NOTE_INVALID, LOG_INVALID (reason `key`, `shrunk`, `root`, `size`), LOG_FORKED, and where the
   *   server cannot be asked, as `NamingServer`
   */
  sync(options?: { maxAgeMs?: number; signal?: AbortSignal | undefined }): Promise<void>;
  /** What the verified copy holds of a name from that place on, oldest first. */
  recordsOf(username: Username, from?: number): readonly LoggedRecord[];
  status(): LogStatus;
  /** Signed notes for others to compare with: the newest that was verified, and what proves a fork. */
  notes(): readonly string[];
  /**
   * Compares a note that somebody shows with the own copy, fetching what is new first where the note is ahead. `hidden`: the
   * server does not show this device, or not yet, what it has shown to others.
   * @throws ChatError LOG_FORKED where both cannot be true; NOTE_INVALID for what the log's key has not signed, which
   *   proves nothing; and as `sync`
   */
  compare(note: string, from: Username): Promise<"agreed" | "hidden">;
  /** The key that signs the log, 32 bytes: as pinned at first sight, and as the server shows it now. */
  keys(signal?: AbortSignal): Promise<{ readonly pinned: Uint8Array; readonly shown: Uint8Array }>;
  /**
   * Forgets what was verified and proven, and begins anew with the log that this key signs, once that is verified.
   * @throws ChatError KEY_CHANGED where the server shows another by now; and as `sync`
   */
  restart(shown: Uint8Array): Promise<void>;
  /** True where the own copy had that root when it had that size; undefined where it has not come that far. */
  agrees(size: number, root: Uint8Array): boolean | undefined;
}
