import type { DeviceId } from "../../../shared/device-id.ts";
import type { ErrorCode } from "../../../shared/errors.ts";
import type { Username } from "../../../shared/username.ts";
import type { Path } from "../path.ts";

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
  hasQueued(device: DeviceId): boolean;
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
  /** As people are told: what was given up has failed, what was cancelled is gone, tombstone or not. */
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
