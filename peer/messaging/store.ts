import type { DeviceId } from "../../shared/device-id.ts";
import type { ErrorCode } from "../../shared/errors.ts";
import type { Username } from "../../shared/username.ts";
import type { ContactStore } from "./ports.ts";

/*
 * What must outlive the process. Everything is synchronous: the rules compute first and write in one transaction, with
 * no waiting inside. `peer/history/` implements it over SQLite, sealed at rest.
 */

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

export type OutboxState = "queued" | "stored" | "failed";

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
  readonly path: "direct" | null;
  /** It stands in for a message that was cancelled or gave up: the sequence has no hole. */
  readonly tombstone: boolean;
  readonly attempts: number;
  readonly error: ErrorCode | undefined;
  readonly reason: string | undefined;
  readonly acceptedAtMs: number;
};

export type NewOutboxRow = Pick<
  OutboxRow,
  "messageId" | "to" | "device" | "seq" | "envelopeId" | "plaintext" | "tombstone" | "acceptedAtMs"
>;

/** Queued envelopes are sent by `seq`; a row is cleared only by its device's own ack. */
export interface OutboxStore {
  add(row: NewOutboxRow): void;
  /** Queued rows for a device after row `afterId`, oldest first. */
  queued(device: DeviceId, afterId: number, limit: number): readonly OutboxRow[];
  ofMessage(messageId: Uint8Array): readonly OutboxRow[];
  /** What became of a message as a whole: one device that has it is enough; a tombstone counts as failed. */
  stateOf(messageId: Uint8Array): OutboxState;
  /** Everything that is queued or failed, tombstones included. */
  open(): readonly OutboxRow[];
  /** What failed for that reason. */
  failed(error: ErrorCode): readonly OutboxRow[];
  /** What is queued since before that time. */
  queuedBefore(acceptedAtMs: number): readonly OutboxRow[];
  /** Devices with something queued, and whose they are. */
  waiting(): readonly { readonly device: DeviceId; readonly to: Username }[];
  /** False when no open row of that device has this envelope. */
  markStored(device: DeviceId, envelopeId: Uint8Array, path: "direct"): boolean;
  markFailed(id: number, error: ErrorCode, reason: string | undefined): void;
  /** An attempt for that device ended without an ack; what became of a message whose tombstone waits stays. */
  noteAttempt(device: DeviceId, error: ErrorCode, reason: string | undefined): void;
  /** The envelope changes, its place stays: a tombstone, another device, another incarnation. */
  replace(
    id: number,
    row: Pick<OutboxRow, "device" | "seq" | "envelopeId" | "plaintext" | "tombstone" | "error">,
  ): void;
  requeue(id: number): void;
  remove(id: number): void;
  counts(): { readonly queued: number; readonly failed: number };
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
};

/**
 * What a reader sees; `gapBefore` counts the messages known to be missing right before it. One that is not `readable`
 * stands for that gap alone.
 */
export type VisibleMessage = Pick<
  InboundMessage,
  "messageId" | "from" | "text" | "sentAtMs" | "receivedAtMs" | "seq" | "kind"
> & {
  readonly cursor: number;
  readonly gapBefore: number;
  readonly readable: boolean;
};

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
  /** Stores a message that nobody sees yet; one that is not `readable` never will be. */
  add(message: InboundMessage, readable: boolean): void;
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
  /** What a person who was never answered has stored here. */
  usage(from: Username): { readonly messages: number; readonly bytes: number };
}

export type HistoryQuery = {
  readonly conversation: Uint8Array;
  readonly limit: number;
  readonly sinceMs: number;
  readonly beforeMs: number;
  readonly search: string | undefined;
};

export type HistoryEntry =
  | ({ readonly direction: "in" } & VisibleMessage)
  | ({ readonly direction: "out" } & OwnMessage & { readonly state: OutboxState });

export interface HistoryStore {
  addOwn(message: OwnMessage): void;
  findOwn(messageId: Uint8Array): OwnMessage | undefined;
  /** Turns an own message into its tombstone. */
  eraseOwn(messageId: Uint8Array): void;
  /** The newest entries that match, oldest first. */
  list(query: HistoryQuery): readonly HistoryEntry[];
}

/** `send --id`: the caller's key and the message it stands for. */
export interface RequestStore {
  find(key: string): Uint8Array | undefined;
  save(key: string, messageId: Uint8Array): void;
}

/** Where a reader stands; gates no ack, so a power failure may lose the last step. */
export interface CursorStore {
  get(reader: string): number;
  set(reader: string, cursor: number): void;
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
  readonly requests: RequestStore;
  readonly cursors: CursorStore;
  readonly log: LogStore;
}
