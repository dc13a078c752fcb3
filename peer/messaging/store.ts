import type { Ahead } from "./operations/feed.ts";
import type { ContactStore } from "./ports/contacts.ts";
import type { AmendmentStore, HistoryStore } from "./store/history.ts";
import type { InboxStore } from "./store/inbox.ts";
import type { LogStore } from "./store/log.ts";
import type { MailboxStore } from "./store/mailbox.ts";
import type { NumberingStore, OutboxStore } from "./store/outbox.ts";
import type { KeyPackageStore, SessionStore } from "./store/sessions.ts";
import type { TokenStore } from "./store/tokens.ts";

/*
 * What must outlive the process. Everything is synchronous: the rules compute first and write in one transaction, with
 * no waiting inside. `peer/history/` implements it over SQLite, sealed at rest.
 */

/** `send --id`: the caller's key and the message it stands for. `said`: a hash of what was asked for. */
export interface RequestStore {
  /** Whether it was asked for the same; undefined where that was not noted. */
  find(
    key: string,
    said: Uint8Array,
  ): { readonly messageId: Uint8Array; readonly isSame: boolean | undefined } | undefined;
  save(key: string, request: { readonly messageId: Uint8Array; readonly said: Uint8Array }): void;
}

/** What the user has set, one short text each. */
export interface SettingStore {
  get(name: string): string | undefined;
  set(name: string, value: string): void;
}

/** Where a reader stands; gates no ack, so a power failure may lose the last step. */
export interface CursorStore {
  /** Undefined for a reader who has no place yet. */
  get(reader: string): number | undefined;
  /** @param ahead  what was kept so far stays where this is left out */
  set(reader: string, cursor: number, ahead?: Ahead): void;
  /** Undefined where nothing is kept. */
  ahead(reader: string): Ahead | undefined;
}

export interface Store {
  /** All or nothing, on disk when it returns. @throws ChatError STORAGE */
  transaction<T>(work: () => T): T;
  /** All or nothing, but without waiting for the disk: for what gates no ack, and is found out again if it is lost. */
  mark<T>(work: () => T): T;
  readonly contacts: ContactStore;
  readonly sessions: SessionStore;
  readonly keyPackages: KeyPackageStore;
  readonly outbox: OutboxStore;
  readonly numbering: NumberingStore;
  readonly inbox: InboxStore;
  readonly history: HistoryStore;
  readonly amendments: AmendmentStore;
  readonly requests: RequestStore;
  readonly cursors: CursorStore;
  readonly settings: SettingStore;
  readonly log: LogStore;
  readonly mailbox: MailboxStore;
  readonly tokens: TokenStore;
}
