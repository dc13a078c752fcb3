import type { Content } from "../../../shared/content.ts";
import type { Username } from "../../../shared/username.ts";
import type { Path } from "../path.ts";
import type { KeptText, Show, VisibleMessage } from "./inbox.ts";
import type { OutboxState } from "./outbox.ts";

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
  /** Whether there is something to forget. */
  isAnyDue(nowMs: number): boolean;
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
  /**
   * Takes the place of what that person said before of that kind.
   *
   * @param change  the own message that says so: what it takes the place of is kept until a device has stored it
   */
  save(target: Uint8Array, amendment: Amendment, change?: Uint8Array): void;
  /** That own change is said to nobody: what stood before stands again, unless something later took its place. */
  takeBack(change: Uint8Array): void;
  /** What that own change took the place of is not needed any more. */
  settle(change: Uint8Array): void;
  of(target: Uint8Array): readonly Amendment[];
  /** What that person said about a message, and before; of one kind, or all of it. */
  forget(target: Uint8Array, author: Username, kind?: Amendment["kind"]): void;
}
