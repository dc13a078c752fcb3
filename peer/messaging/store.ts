import type { Content } from "../../shared/content.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import type { ErrorCode } from "../../shared/errors.ts";
import type { FrameOf } from "../../shared/frames.ts";
import type { RelayDescriptorPayload } from "../../shared/relay-descriptor.ts";
import type { Username } from "../../shared/username.ts";
import type { TokenLogEntry } from "./operations.ts";
import type { Path } from "./path.ts";
import type { ContactStore } from "./ports.ts";

/*
 * What must outlive the process. Everything is synchronous: the rules compute first and write in one transaction, with
 * no waiting inside. `peer/history/` implements it over SQLite, sealed at rest.
 */

/**
 * Messages in mailboxes have sessions of their own, which their writer opened and no commit heals: so the order in which
 * two ways deliver is nobody's concern.
 */
export type SessionVia = "lane" | "mailbox";

/** A session as kept: its secret state and what the delivery rules know about it. */
export type StoredSession = {
  /** The MLS group id, 32 bytes. */
  readonly id: Uint8Array;
  readonly device: DeviceId;
  readonly opener: boolean;
  /** `SecureSessions.serialise`. */
  readonly state: Uint8Array;
  /** The Welcome, until the peer has it on disk. */
  readonly welcome: Uint8Array | undefined;
  readonly healedAtMs: number;
  readonly via: SessionVia;
};

export interface SessionStore {
  /** Those that are open, oldest first. */
  forDevice(device: DeviceId): readonly StoredSession[];
  save(session: StoredSession): void;
  /** Forgets the state for good and remembers the id, so that its Welcome is never accepted again. */
  close(id: Uint8Array): void;
  closeAll(): void;
  /** How many sessions with that device are or were. */
  count(device: DeviceId): number;
  /** True for a session that is or was. */
  isKnown(id: Uint8Array): boolean;
}

export type StoredKeyPackage = {
  readonly reference: Uint8Array;
  readonly publicPackage: Uint8Array;
  readonly privatePackage: Uint8Array;
  readonly lastResort: boolean;
  readonly createdAtMs: number;
};

export interface KeyPackageStore {
  find(reference: Uint8Array): StoredKeyPackage | undefined;
  lastResort(): StoredKeyPackage | undefined;
  save(keyPackage: StoredKeyPackage): void;
  delete(reference: Uint8Array): void;
  /** Deletes what is older, the newest last resort aside. */
  deleteBefore(createdAtMs: number): void;
  deleteAll(): void;
}

/** A message of one's own, whatever the number of devices it goes to. */
export type OwnMessage = {
  readonly messageId: Uint8Array;
  readonly to: Username;
  readonly conversation: Uint8Array;
  readonly seq: number;
  readonly kind: string;
  readonly body: Uint8Array;
  readonly text: string;
  readonly acceptedAtMs: number;
};

/** `relayed`: queued, and left in a mailbox of the device's meanwhile. `displayed`: stored, and shown to a person. */
export type OutboxState = "queued" | "relayed" | "stored" | "displayed" | "failed";

/** Where a queued message was left. */
export type Relayed = {
  readonly relay: DeviceId;
  /** The relay's store, 16 bytes: another than before means that all in it is lost. */
  readonly store: Uint8Array;
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number;
};

/** One message on its way to one device: the signed, padded envelope, encrypted anew each time it is sent. */
export type OutboxRow = {
  readonly id: number;
  readonly messageId: Uint8Array;
  readonly to: Username;
  readonly device: DeviceId;
  readonly seq: number;
  readonly envelopeId: Uint8Array;
  readonly plaintext: Uint8Array;
  readonly state: OutboxState;
  readonly path: Path | null;
  /** It stands in for a message that was cancelled or gave up: the sequence has no hole. */
  readonly tombstone: boolean;
  readonly attempts: number;
  readonly error: ErrorCode | undefined;
  readonly reason: string | undefined;
  readonly acceptedAtMs: number;
  readonly relayed: Relayed | undefined;
  /** The message was left in a mailbox once, whatever became of it there. */
  readonly left: boolean;
};

export type NewOutboxRow = Pick<
  OutboxRow,
  "messageId" | "to" | "device" | "seq" | "envelopeId" | "plaintext" | "tombstone" | "acceptedAtMs"
>;

/** Queued and relayed envelopes are sent by `seq`; a row is cleared only by its device's own ack. */
export interface OutboxStore {
  add(row: NewOutboxRow): void;
  /** Rows for a device that await its ack, relayed or not, after row `afterId`, oldest first. */
  queued(device: DeviceId, afterId: number, limit: number): readonly OutboxRow[];
  /** Those of them that are in no mailbox. */
  unrelayed(device: DeviceId, limit: number): readonly OutboxRow[];
  /** The row with that envelope, if it awaits that device's ack. */
  awaiting(device: DeviceId, envelopeId: Uint8Array): OutboxRow | undefined;
  ofMessage(messageId: Uint8Array): readonly OutboxRow[];
  /** What became of a message as a whole: one device that has it is enough; a tombstone counts as failed. */
  stateOf(messageId: Uint8Array): OutboxState;
  /** How the message reached the device that decides its state; null where it has not. */
  pathOf(messageId: Uint8Array): Path | null;
  /** Everything that is queued or failed, tombstones included. */
  open(): readonly OutboxRow[];
  /** What failed for that reason. */
  failed(error: ErrorCode): readonly OutboxRow[];
  /** What is queued since before that time. */
  queuedBefore(acceptedAtMs: number): readonly OutboxRow[];
  /** Devices with something queued, and whose they are. */
  waiting(): readonly { readonly device: DeviceId; readonly to: Username }[];
  /** False when no open row of that device has this envelope. */
  markStored(device: DeviceId, envelopeId: Uint8Array, path: Path): boolean;
  /** Those messages were shown to that person. @returns the ones of which it was not known */
  markDisplayed(to: Username, messageIds: readonly Uint8Array[]): readonly Uint8Array[];
  /** Those that are still the same envelopes: what was cancelled meanwhile has left nothing. */
  markRelayed(rows: readonly Pick<OutboxRow, "id" | "envelopeId">[], relayed: Relayed): void;
  /** What was left for that device in mailboxes is lost, or of no use: it is to be left again. */
  forgetRelayed(device: DeviceId): void;
  markFailed(id: number, error: ErrorCode, reason: string | undefined): void;
  /** An attempt for that device ended without an ack; what became of a message whose tombstone waits stays. */
  noteAttempt(device: DeviceId, error: ErrorCode, reason: string | undefined): void;
  /** The envelope changes, its place stays: a tombstone, another device, another incarnation. */
  replace(
    id: number,
    row: Pick<OutboxRow, "device" | "seq" | "envelopeId" | "plaintext" | "tombstone" | "error" | "reason">,
  ): void;
  requeue(id: number): void;
  remove(id: number): void;
  counts(): { readonly queued: number; readonly relayed: number; readonly failed: number };
}

/** Own numbering of a conversation, by the current incarnation. */
export interface NumberingStore {
  /** Takes the next sequence: 1, 2, 3, ... */
  next(conversation: Uint8Array): number;
  /** The last sequence given, 0 before the first. */
  last(conversation: Uint8Array): number;
  /** The link of the last message made for that device, null before the first. */
  lastLink(conversation: Uint8Array, device: DeviceId): Uint8Array | null;
  setLastLink(conversation: Uint8Array, device: DeviceId, link: Uint8Array): void;
  /** A new incarnation counts anew. */
  restart(): void;
}

/** One numbering: a device's, in one incarnation and conversation. */
export type Lane = { readonly device: DeviceId; readonly incarnation: Uint8Array; readonly conversation: Uint8Array };

export type InboundMessage = {
  readonly messageId: Uint8Array;
  readonly envelopeId: Uint8Array;
  readonly from: Username;
  readonly device: DeviceId;
  readonly incarnation: Uint8Array;
  readonly conversation: Uint8Array;
  readonly seq: number;
  /** What the next one names. */
  readonly link: Uint8Array;
  readonly kind: string;
  readonly body: Uint8Array;
  /** Empty for kinds that are not shown. */
  readonly text: string;
  readonly sentAtMs: number;
  readonly receivedAtMs: number;
  /** How it came. */
  readonly path: Path;
};

/**
 * What a reader sees; `gapBefore` counts the messages known to be missing right before it. One that is not `readable`
 * stands for that gap alone.
 */
export type VisibleMessage = Pick<
  InboundMessage,
  "messageId" | "from" | "text" | "sentAtMs" | "receivedAtMs" | "seq" | "kind" | "path"
> & {
  readonly content: Content | undefined;
  readonly cursor: number;
  readonly gapBefore: number;
  readonly readable: boolean;
  /** It says something about an earlier message. */
  readonly change: boolean;
  /** When it is to be forgotten here. */
  readonly expiresAtMs: number | undefined;
};

/** `text`: a message. `change`: of an earlier one. `request`: a stranger's, which waits to be accepted. */
export type Show = "nothing" | "text" | "change" | "request";

/** How a text is kept: `nothing` once it has expired. */
export type KeptText = { readonly show: Show; readonly expiresAtMs: number | undefined };

/** @property bytes  of what came, where less of it is kept */
export type Keeping = { readonly expiresAtMs?: number | undefined; readonly bytes?: number };

export interface InboxStore {
  hasEnvelope(device: DeviceId, envelopeId: Uint8Array): boolean;
  /** The link of the message that was stored under that sequence. */
  linkAt(lane: Lane, seq: number): Uint8Array | undefined;
  /** Whether that person's message was stored before, by whichever of their devices. */
  hasMessage(from: Username, messageId: Uint8Array): boolean;
  /** The sequence up to which that numbering is visible. */
  mark(lane: Lane): number | undefined;
  /** Keeps a signed envelope as proof of what that device has sent, unless a newer one is kept. */
  keepProof(lane: Lane, seq: number, signed: Uint8Array): void;
  proof(lane: Lane): Uint8Array | undefined;
  /** The newest marks of a device, for the hello. */
  marks(device: DeviceId, limit: number): readonly (Omit<Lane, "device"> & { readonly seq: number })[];
  setMark(lane: Lane, seq: number): void;
  /** Stores a message that nobody sees yet. */
  add(message: InboundMessage, show: Show, keeping?: Keeping): void;
  /** The texts that came under that id: one for each person, by whichever of their devices. */
  texts(messageId: Uint8Array): readonly (KeptText & { readonly from: Username })[];
  /** People whose messages wait to be accepted, and how many there are. */
  requests(): readonly { readonly from: Username; readonly messages: number }[];
  /** Their messages are shown from now on, behind all that is visible. */
  accept(from: Username): void;
  /** The messages of that person that were never taken before; from now on they were. */
  takeUnread(from: Username): readonly Uint8Array[];
  /** Forgets what it said; its place stays. */
  erase(from: Username, messageId: Uint8Array): void;
  /** The lowest sequence above `after` that is stored and not visible yet. */
  nextHeld(lane: Lane, after: number): number | undefined;
  /** The highest sequence that is stored and not visible yet. */
  lastHeld(lane: Lane): number | undefined;
  /** Makes one visible under the next cursor, behind `gapBefore` missing ones. */
  release(lane: Lane, seq: number, gapBefore: number): VisibleMessage;
  /** Every lane with something held, for the timers after a restart. */
  heldLanes(): readonly Lane[];
  /** What is readable or behind a gap, in the order of the cursors. */
  visibleAfter(cursor: number, limit: number): readonly VisibleMessage[];
  /** The newest cursor given, 0 before the first. */
  newestCursor(): number;
  /** From now on what that person has stored here until now does not count. */
  countAnew(from: Username): void;
  /** What a person has stored here that counts. */
  usage(from: Username): { readonly messages: number; readonly bytes: number };
}

export type HistoryQuery = {
  readonly conversation: Uint8Array;
  readonly limit: number;
  readonly sinceMs: number;
  readonly beforeMs: number;
  readonly search: string | undefined;
  /** Only what stands before that place. */
  readonly olderThan?: number;
  /** What has expired by then is not told. */
  readonly nowMs: number;
};

/** `place`: in the order of the history; times may repeat, and go back. */
export type HistoryEntry = { readonly place: number } & (
  | ({ readonly direction: "in" } & VisibleMessage)
  | ({ readonly direction: "out" } & OwnMessage & {
        readonly state: OutboxState;
        readonly path: Path | null;
        readonly content: Content | undefined;
        readonly expiresAtMs: number | undefined;
      })
);

/** A text, or a change of one, that was forgotten. */
export type Expired = {
  readonly messageId: Uint8Array;
  readonly kind: string;
  readonly own: boolean;
  /** With whom it was exchanged. */
  readonly other: Username;
};

export interface HistoryStore {
  addOwn(message: OwnMessage, show: Show, expiresAtMs?: number): void;
  findOwn(messageId: Uint8Array): (OwnMessage & KeptText) | undefined;
  /** An own message was never sent: nothing of it stays. */
  removeOwn(messageId: Uint8Array): void;
  /** Forgets what it said; its place stays. */
  eraseOwn(messageId: Uint8Array): void;
  /** Forgets the texts that were to be kept until then, and hides them. */
  expire(nowMs: number): readonly Expired[];
  /** The newest entries that match, oldest first. */
  list(query: HistoryQuery): readonly HistoryEntry[];
}

/** What somebody said about a message: its new text, an emoji, or nothing for one that was deleted. */
export type Amendment = {
  readonly kind: "edit" | "delete" | "reaction";
  readonly author: Username;
  readonly value: string;
};

export interface AmendmentStore {
  /** Takes the place of what that person said before of that kind. */
  save(target: Uint8Array, amendment: Amendment): void;
  of(target: Uint8Array): readonly Amendment[];
  /** What that person said about a message; of one kind, or all of it. */
  forget(target: Uint8Array, author: Username, kind?: Amendment["kind"]): void;
}

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
  set(reader: string, cursor: number): void;
}

/** How to leave parcels for a device, as that device has granted it: `shared/frames.ts`. */
export type Grant = Pick<FrameOf<"grant">, "seq" | "key" | "boxes"> & {
  /** Milliseconds since the Unix epoch. */
  readonly receivedAtMs: number;
};

/** What this device has granted to another. */
export type GrantGiven = {
  readonly seq: number;
  /** Says which boxes; another means that the grant is out of date. */
  readonly boxes: string;
  /** Parcels that came from it since. */
  readonly used: number;
};

/** A secret that the boxes and seals of one week come from. */
export type MailboxSecret = {
  /** Weeks since the Unix epoch. */
  readonly week: number;
  /** 32 bytes. */
  readonly secret: Uint8Array;
  /** Where people were told of its boxes, by multiaddr. */
  readonly relays: readonly string[];
};

/** A parcel that must be left before anything else is, for its session has moved on. */
export type WaitingParcel = {
  readonly id: number;
  /** Sealed for `key`. */
  readonly parcel: Uint8Array;
  readonly key: Uint8Array;
  /** What is sealed in it; undefined for one that the first versions have written. */
  readonly content: Uint8Array | undefined;
  /** Whose messages are in it. */
  readonly rows: readonly Pick<OutboxRow, "id" | "messageId" | "envelopeId">[];
};

/** One frame of an answer that is to be left for a device. */
export type DueAnswer = { readonly id: number; readonly frame: Uint8Array };

export interface MailboxStore {
  /** Newest first. */
  secrets(): readonly MailboxSecret[];
  saveSecrets(secrets: readonly MailboxSecret[]): void;
  grantOf(device: DeviceId): Grant | undefined;
  saveGrant(device: DeviceId, grant: Grant): void;
  givenTo(device: DeviceId): GrantGiven | undefined;
  saveGiven(device: DeviceId, given: GrantGiven): void;
  /** Oldest first. */
  parcels(device: DeviceId): readonly WaitingParcel[];
  addParcel(device: DeviceId, parcel: Omit<WaitingParcel, "id">): void;
  /** The same parcel under another seal. */
  replaceParcel(device: DeviceId, parcel: WaitingParcel): void;
  removeParcel(id: number): void;
  removeParcels(device: DeviceId): void;
  /** Devices that are to be answered, whoever waits longest first. */
  answering(): readonly DeviceId[];
  /** Oldest first. */
  answersFor(device: DeviceId): readonly DueAnswer[];
  countAnswers(device: DeviceId): number;
  /** The same frame for the same device is due once. */
  addAnswers(device: DeviceId, frames: readonly Uint8Array[], nowMs: number): void;
  removeAnswers(ids: readonly number[]): void;
  oldestAnswerAtMs(): number | undefined;
  removeAnswersBefore(ms: number): void;
  /** That device is nobody's any more: what was granted either way, and what waits for it, is over. */
  forget(device: DeviceId): void;
  /** The relays that the naming server listed last. */
  relays(): readonly RelayDescriptorPayload[];
  saveRelays(relays: readonly RelayDescriptorPayload[]): void;
  relayOrderSecret(): Uint8Array | undefined;
  saveRelayOrderSecret(secret: Uint8Array): void;
  /** Another device takes this one's place: all of this is over. */
  clear(): void;
}

/** The newest checkpoint that was verified. */
export type LogHead = {
  /** The log's key as this device first saw it, as text. */
  readonly verifier: string;
  readonly note: string;
  readonly size: number;
  /** Milliseconds since the Unix epoch. */
  readonly verifiedAtMs: number;
};

/** Two notes that the log's key has signed and that cannot both be true. */
export type LogEvidence = {
  readonly ours: string;
  readonly theirs: string;
  /** Who showed the other one; undefined for the server itself. */
  readonly from: Username | undefined;
  readonly seenAtMs: number;
};

export const LOG_CHUNK_LEAVES = 1024;

/** This device's copy of the naming server's log. */
export interface LogStore {
  head(): LogHead | undefined;
  saveHead(head: LogHead): void;
  /** The leaves from `n * LOG_CHUNK_LEAVES` on, side by side; fewer in the last chunk. */
  chunk(n: number): Uint8Array | undefined;
  /** @param root  of a chunk that is complete */
  saveChunk(n: number, leaves: Uint8Array, root: Uint8Array | undefined): void;
  /** Of the complete chunks, in order. */
  chunkRoots(): readonly Uint8Array[];
  /** Forgets everything. */
  clear(): void;
  evidence(): readonly LogEvidence[];
  /** The oldest few are kept for good; more prove nothing more. */
  addEvidence(evidence: LogEvidence): void;
}

/** A capability token, as its owner keeps it. */
export type ApiToken = {
  readonly id: string;
  readonly name: string;
  /** SHA-256 of the token. */
  readonly hash: Uint8Array;
  readonly can: readonly string[];
  readonly rate: { readonly requests: number; readonly per: "s" | "m" | "h" };
  readonly createdAtMs: number;
  /** Undefined: never. */
  readonly expiresAtMs?: number;
};

/** `token`: undefined where a wrong one was shown. */
export type TokenUse = {
  readonly token?: { readonly id: string; readonly name: string };
  readonly atMs: number;
  readonly method: string;
  readonly person?: string;
  readonly outcome: TokenLogEntry["outcome"];
};

export interface TokenStore {
  list(): readonly (ApiToken & { readonly lastUsedAtMs: number | undefined })[];
  find(id: string): ApiToken | undefined;
  add(token: ApiToken): void;
  remove(id: string): void;
  clear(): void;
  /** Notes a use; the oldest ones of that token give way. @returns the place to `settle` it at */
  note(use: TokenUse): number;
  settle(place: number, outcome: TokenLogEntry["outcome"]): void;
  /** The newest `limit`, oldest first; of one token, or of all. */
  uses(limit: number, id?: string): readonly TokenUse[];
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
