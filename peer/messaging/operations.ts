import type { ErrorCode } from "../../shared/errors.ts";
import type { AuditProblem, RecordChange } from "./audit-finding.ts";
import type { Path } from "./path.ts";

/*
 * What a profile can do, as its callers see it: the command line, the control socket (one method each, by these names)
 * and, later, the SDK and the web page. Parameters and results are plain JSON. Times are ISO 8601 in UTC, durations
 * milliseconds. Each throws ChatError.
 */

/**
 * `stored`: a device of theirs has it on disk. `relayed`: safe in the outbox, and a mailbox of theirs has it. `queued`: safe
 * in the outbox, whatever the wire saw. `displayed`: stored, and they let on that they have seen it.
 */
export type DeliveryState = "queued" | "relayed" | "stored" | "displayed" | "failed";

export type DeviceDelivery = {
  readonly device: string;
  readonly state: DeliveryState;
  /** How it went; null until it is relayed or stored. */
  readonly path: Path | null;
  /** Why it is not there yet, or never will be. */
  readonly error?: ErrorCode;
  readonly reason?: string;
};

export type Waiting = "queued" | "relayed" | "stored" | "displayed";

export type SendParams = {
  readonly to: string;
  readonly text: string;
  /** What to wait for, at most `timeoutMs`. */
  readonly wait: Waiting;
  readonly timeoutMs: number;
  /** The id of an earlier message of the conversation. */
  readonly replyTo?: string;
  /** How long both sides keep it, instead of what is set for the contact. */
  readonly expireSeconds?: number;
  /** The caller's name for this message: the same again with the same text and recipient changes nothing. */
  readonly id?: string;
};

/** `id`: of the message that it is about. */
export type ChangeParams = Pick<SendParams, "wait" | "timeoutMs"> & { readonly id: string };

export type SendResult = {
  /** The message id, 32 hex digits. */
  readonly id: string;
  readonly to: string;
  readonly state: DeliveryState;
  readonly devices: readonly DeviceDelivery[];
};

export type ChatMessage = {
  readonly id: string;
  readonly from: string;
  readonly text: string;
  /** The id of the message that this one answers. */
  readonly replyTo?: string;
  /** When both sides forget it. */
  readonly expiresAt?: string;
  readonly edited?: true;
  /** Its author took it back: it has no text any more. */
  readonly deleted?: true;
  readonly reactions?: readonly { readonly from: string; readonly emoji: string }[];
  readonly sentAt: string;
  readonly receivedAt: string;
  readonly seq: number;
  /** The safety number of `from` was compared. */
  readonly verified: boolean;
  /** How it came, or went; null for one's own that did not reach anybody yet. */
  readonly path: Path | null;
  /** Place in the order in which messages became visible here; `listen --since` takes it. 0 for one's own. */
  readonly cursor: number;
};

export type HistoryParams = {
  readonly with: string;
  /** Newest so many, shown oldest first. */
  readonly limit?: number;
  readonly since?: string;
  readonly before?: string;
  /** `older` of an answer: what stands before all that it told. Times may repeat; this neither repeats nor leaves out. */
  readonly olderThan?: number;
  /** Only messages that contain this text, whatever the case. */
  readonly search?: string;
};

export type HistoryMessage = ChatMessage & { readonly direction: "in" | "out"; readonly state?: DeliveryState };

export type HistoryPage = {
  /** Oldest first. */
  readonly messages: readonly HistoryMessage[];
  /** For `olderThan` of the next question; null where nothing older matches. */
  readonly older: number | null;
};

export type OutboxItem = {
  readonly id: string;
  readonly to: string;
  readonly device: string;
  readonly state: DeliveryState;
  readonly queuedAt: string;
  readonly attempts: number;
  readonly error?: ErrorCode;
  readonly reason?: string;
};

export type Cancelled = {
  /** For how many devices it no longer waits. */
  readonly cancelled: number;
  /** It had been left in a mailbox: whoever reads that is told to delete it. */
  readonly withdrawn: boolean;
};

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

export type Identity = {
  readonly username: string;
  readonly peerId: string;
  readonly fingerprint: string;
  readonly server: string;
  readonly profile: string;
};

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

export type Status = Identity & {
  readonly daemon: { readonly pid: number; readonly startedAt: string } | null;
  readonly addresses: readonly string[];
  /** Answer of the naming server just now, or why there is none. */
  readonly serverState: "ok" | ErrorCode;
  readonly published: boolean;
  /** On no list of who is online. */
  readonly hidden: boolean;
  readonly keyPackages: number | null;
  readonly log: LogView;
  readonly outbox: { readonly queued: number; readonly relayed: number; readonly failed: number };
  readonly contacts: number;
  readonly connections: number;
  /** The connections to people, by the way they run. */
  readonly paths: Readonly<Record<Exclude<Path, "mailbox">, number>>;
  /** Relays through which others reach this device, or would. */
  readonly relays: readonly {
    readonly relay: string;
    readonly state: "connecting" | "reserved" | "waiting";
    readonly since: string;
    readonly error?: ErrorCode;
  }[];
  /** Where others leave messages while this device is away. */
  readonly mailboxes: readonly { readonly relay: string; readonly open: boolean }[];
};

export type Trouble = { readonly code: ErrorCode; readonly message: string };

/** What the naming server makes of this device; `trouble` and `token` are null where all is well. */
export type Diagnosis = {
  readonly token: Trouble | null;
  /** What it holds for whoever writes first; null where it could not be asked. */
  readonly keyPackages: { readonly count: number; readonly lastResort: boolean } | null;
  readonly record: {
    readonly trouble: Trouble | null;
    readonly seq: number | null;
    /** Of that record in the log. */
    readonly position: number | null;
  };
  /** Addresses that it shows of this device. */
  readonly published: readonly string[];
};

export type VisibilityView = {
  /** While this profile listens, its addresses are published. */
  readonly visible: boolean;
  /** The naming server may list them now. */
  readonly published: boolean;
};

export type OnlinePersonView = {
  readonly username: string;
  readonly devices: readonly string[];
  readonly contact: boolean;
};

/** What whoever watches presence is told. */
export type PresenceEvent =
  /** `initial`: online before the watching began. */
  | ({ readonly type: "presence"; readonly online: boolean; readonly initial: boolean } & OnlinePersonView)
  /** The server cannot be heard now; it is tried again. */
  | { readonly type: "lost"; readonly code: ErrorCode; readonly message: string };

type ChangeEvent = {
  /** Of the message that it is about. */
  readonly id: string;
  readonly from: string;
  readonly receivedAt: string;
  readonly cursor: number;
};

/** What `listen` prints as it happens. */
export type ChatEvent =
  | ({ readonly type: "message" } & ChatMessage)
  /** Of an earlier message, by its author: `id` is that message's. */
  | (ChangeEvent & { readonly type: "edit"; readonly text: string })
  | (ChangeEvent & { readonly type: "delete" })
  /** An empty `emoji` takes the reaction back. */
  | (ChangeEvent & { readonly type: "reaction"; readonly emoji: string })
  /** An own message came so far; only for readers who ask. */
  | ({ readonly type: "receipt" } & Pick<SendResult, "id" | "to" | "state">)
  /** A contact is writing, until then unless it comes again; only for readers who ask. */
  | { readonly type: "typing"; readonly from: string; readonly until: string }
  | { readonly type: "presence"; readonly username: string; readonly online: boolean }
  | {
      readonly type: "key-change";
      readonly username: string;
      readonly oldFingerprint: string;
      readonly newFingerprint: string;
    }
  /**
   * Messages `fromSeq` to `toSeq` of that person are missing; those behind them are shown now. `cursor`: before the
   * message that follows, or past what nobody reads.
   */
  | {
      readonly type: "gap";
      readonly from: string;
      readonly fromSeq: number;
      readonly toSeq: number;
      readonly cursor: number;
    }
  | { readonly type: "error"; readonly code: ErrorCode; readonly message: string };

export type LogKeys = {
  readonly oldFingerprint: string;
  readonly newFingerprint: string;
  /** False while it was only shown. */
  readonly accepted: boolean;
};

/** What a program without the owner's rights may do here; the token itself is shown once and not kept. */
export type TokenView = {
  readonly id: string;
  readonly name: string;
  /** `send:bob`, `send:*`, `read:bob`, `read:*`, `status`. */
  readonly can: readonly string[];
  /** At most so many requests: `10/m`. */
  readonly rate: string;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
};

/** One request of a token's holder: never what was written or read. */
export type TokenLogEntry = {
  readonly at: string;
  /** Null where a wrong token was shown. */
  readonly token: { readonly id: string; readonly name: string } | null;
  readonly method: string;
  /** Whom it was about. */
  readonly person: string | null;
  /** `begun`: not answered yet, or cut short. */
  readonly outcome: "begun" | "ok" | ErrorCode;
};

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

/**
 * What has become visible, from a durable place on: each message once, in order, then whatever happens.
 * `shown` moves the place of this profile's `listen` past a cursor.
 */
export interface Feed {
  events(options: FeedOptions): AsyncIterable<ChatEvent>;
  shown(cursor: number): void;
  /** @throws ChatError PROFILE_BUSY (reason `consumer`) while somebody reads under that name */
  consume(options: ConsumeOptions): Promise<Consumer>;
}

export type FeedOptions = {
  /** The cursor after which to begin, instead of the remembered place. */
  readonly since?: number;
  readonly signal: AbortSignal;
} & Asked;

export type ConsumeOptions = {
  /** Under which the place is remembered. Without a name there is none: the reading begins with what is to come, unless `since` says where. */
  readonly consumer?: string;
  /** The cursor after which to begin, instead of the remembered place; `now`: one without a place begins with what is to come. */
  readonly since?: number | "now";
} & Asked;

/** What only those are told who ask. */
export type Asked = {
  /** What becomes of own messages. */
  readonly receipts?: boolean;
  /** Who writes just now. */
  readonly typing?: boolean;
  /** Whoever reads this is not told everything: what waits for the owner is not for them. */
  readonly narrowed?: boolean;
};

/** A reading of the feed whose place is remembered under a name: each event until it is acknowledged, in order. */
export interface Consumer {
  /** Once for each consumer. Ends with `signal`; throws where the daemon it reads from ends. */
  events(signal: AbortSignal): AsyncIterable<ChatEvent>;
  /** That event, which was given out, and all before it will not come again. @throws ChatError REQUEST_INVALID */
  acknowledge(cursor: number): void | Promise<void>;
  /** Frees the name. */
  close(): void;
}

/** Who is online: first everybody, then each who comes or goes. */
export interface PresenceFeed {
  events(signal: AbortSignal): AsyncIterable<PresenceEvent>;
}

/** The way in for whoever has no more than a token. */
export interface Access {
  /** @throws ChatError TOKEN_INVALID; RATE_LIMITED after too many wrong ones; QUOTA where it has enough connections */
  authenticate(token: string): Entry;
}

/** What one token opens, over one connection: whatever it does not allow is FORBIDDEN. */
export interface Entry {
  readonly token: TokenView;
  readonly operations: Operations;
  readonly feed: Feed;
  readonly presence: PresenceFeed;
  /** A request that was none of these counts and is noted too. @throws ChatError RATE_LIMITED, TOKEN_INVALID */
  misunderstood(method: unknown, code: ErrorCode): void;
  /** The token was revoked, or has expired. */
  readonly ended: AbortSignal;
  /** The connection is gone. */
  close(): void;
}
