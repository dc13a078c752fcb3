import type { ErrorCode } from "../../../shared/errors.ts";
import type { Path } from "../path.ts";

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
