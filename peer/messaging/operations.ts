import type {
  ContactView,
  InboxMode,
  InboxView,
  RecordView,
  TrustResult,
  VerifyResult,
} from "./operations/contacts.ts";
import type { KeyAudit, KeyRotation, KeyView, LogKeys } from "./operations/keys.ts";
import type {
  Cancelled,
  ChangeParams,
  HistoryPage,
  HistoryParams,
  OutboxItem,
  SendParams,
  SendResult,
} from "./operations/messages.ts";
import type { Diagnosis, Identity, OnlinePersonView, Status, VisibilityView } from "./operations/status.ts";
import type { TokenLogEntry, TokenView } from "./operations/tokens.ts";

/*
 * What a profile can do, as its callers see it: the command line, the control socket (one method each, by these names)
 * and, later, the SDK and the web page. Parameters and results are plain JSON. Times are ISO 8601 in UTC, durations
 * milliseconds. Each throws ChatError.
 */

export interface Operations {
  send(params: SendParams): Promise<SendResult>;
  /** Gives an own message another text. @throws ChatError MESSAGE_UNKNOWN */
  edit(params: ChangeParams & { readonly text: string }): Promise<SendResult>;
  /** Takes an own message back: both sides forget its text. @throws ChatError MESSAGE_UNKNOWN */
  remove(params: ChangeParams): Promise<SendResult>;
  /** Says something short about a message; an empty one takes it back. @throws ChatError MESSAGE_UNKNOWN */
  react(params: ChangeParams & { readonly emoji: string }): Promise<SendResult>;
  /** Everything of that person was seen here; they are told where the user lets them know. */
  markRead(params: { readonly with: string }): Promise<{ readonly told: number }>;
  /** Something is being written to that person: their devices that are connected are told, where the user wants it. */
  typing(params: { readonly to: string }): Promise<{ readonly told: number }>;
  history(params: HistoryParams): Promise<HistoryPage>;
  outboxList(): Promise<{ readonly items: readonly OutboxItem[] }>;
  /** Tries now instead of after the back-off; all, or one message. */
  outboxRetry(params: { readonly id?: string }): Promise<{ readonly retried: number }>;
  /** Takes a message of one's own back. @throws ChatError OUTBOX_UNKNOWN */
  outboxCancel(params: { readonly id: string }): Promise<Cancelled>;
  contactsList(): Promise<{ readonly contacts: readonly ContactView[] }>;
  contactsShow(params: { readonly username: string }): Promise<ContactView>;
  contactsRemove(params: { readonly username: string }): Promise<{ readonly username: string }>;
  /** A stranger's messages are shown from now on, and they may write without a limit. */
  contactsAccept(params: { readonly username: string }): Promise<ContactView>;
  /** `expireSeconds`: how long both sides keep what is written from now on; null: for good. */
  contactsSet(params: {
    readonly username: string;
    readonly expireSeconds?: number | null;
    readonly readMarks?: boolean;
    readonly typing?: boolean;
  }): Promise<ContactView>;
  /** Shows, or changes first, what becomes of messages of strangers, and lists who waits. */
  inbox(params: { readonly mode?: InboxMode }): Promise<InboxView>;
  contactsBlock(params: { readonly username: string; readonly blocked: boolean }): Promise<ContactView>;
  /** Shows the safety number; with `number`, marks the contact verified or throws SAFETY_NUMBER_MISMATCH. */
  verify(params: { readonly username: string; readonly number?: string }): Promise<VerifyResult>;
  /**
   * Shows a changed key; with `accept`, the fingerprint that was shown, pins it.
   * @throws ChatError KEY_CHANGED when the server offers yet another key by then
   */
  trust(params: { readonly username: string; readonly accept?: string }): Promise<TrustResult>;
  lookup(params: { readonly username: string }): Promise<RecordView>;
  /** Every record of a name, held against the log. */
  keyAudit(params: { readonly username: string }): Promise<KeyAudit>;
  /** The own key as the naming server shows it. @throws ChatError KEY_CHANGED where it shows another */
  keyShow(): Promise<KeyView>;
  /** Makes a new identity key that the old one vouches for. */
  keyRotate(): Promise<KeyRotation>;
  /**
   * Shows the keys of the naming server's log; with `accept`, the fingerprint that was shown, believes the log of that key
   * from now on.
   * @throws ChatError KEY_CHANGED when the server offers yet another key by then
   */
  keyTrustLog(params: { readonly accept?: string }): Promise<LogKeys>;
  online(): Promise<{ readonly online: readonly OnlinePersonView[] }>;
  /** Shows, or changes first, whether others see this profile online. */
  visibility(params: { readonly visible?: boolean }): Promise<VisibilityView>;
  status(): Promise<Status>;
  whoami(): Promise<Identity>;
  /** Asks the naming server what it makes of this device; changes nothing. */
  diagnose(): Promise<Diagnosis>;
  /** How far a message of one's own comes within that time. @throws ChatError OUTBOX_UNKNOWN */
  outboxWait(params: ChangeParams): Promise<SendResult>;
  /** @throws ChatError USAGE, QUOTA */
  tokenCreate(params: {
    readonly can: readonly string[];
    readonly rate?: string;
    readonly expireSeconds?: number;
    readonly name?: string;
  }): Promise<TokenView & { readonly token: string }>;
  tokenList(): Promise<{ readonly tokens: readonly TokenView[] }>;
  /** Ends its open connections too. `token`: its name or id. @throws ChatError USAGE */
  tokenRevoke(params: { readonly token: string }): Promise<TokenView>;
  /** What holders did, newest last. @throws ChatError USAGE */
  tokenLog(params: {
    readonly token?: string;
    readonly limit?: number;
  }): Promise<{ readonly entries: readonly TokenLogEntry[] }>;
}

export type OperationName = keyof Operations;
