import type { DeviceId } from "../../shared/device-id.ts";
import type { Gossip } from "./keys/gossip.ts";
import type { Grants } from "./mailbox/grants.ts";
import type { Resolver } from "./ports/contacts.ts";
import type { SecureSessions } from "./ports/sessions.ts";
import type { Runtime } from "./runtime.ts";
import type { Self } from "./self.ts";
import type { SessionBook } from "./session-book.ts";
import type { Lane } from "./store/inbox.ts";
import type { Store } from "./store.ts";

/** What both directions of delivery work with. */
export type Core = {
  readonly self: Self;
  readonly store: Store;
  readonly runtime: Runtime;
  /** As `ExpiryClock.now`. */
  readonly expiryNow: () => number;
  readonly sessions: SecureSessions;
  readonly book: SessionBook;
  readonly resolver: Resolver;
  readonly gossip: Pick<Gossip, "claim" | "claimed">;
  readonly grants: Pick<Grants, "dueTo" | "granted">;
  readonly notices: Notices;
};

/** What delivery tells the rest of the program; none of these throws. */
export type Notices = {
  /** Messages became visible; they are on disk. */
  released(): void;
  /** Messages were stored on those lanes: some may wait behind a gap, others no longer. */
  stored(lanes: readonly Lane[]): void;
  /** A one-time key package was used up. */
  keyPackageUsed(): void;
  /** A commit of that device was applied to a session with it. */
  sessionChanged(device: DeviceId): void;
  /** That device committed in the same epoch as this side, and waits for this side's commit. */
  commitAwaited(device: DeviceId): void;
  /** Those messages were stored or failed somewhere. */
  outboxChanged(messageIds: readonly Uint8Array[]): void;
  /** Rows that had failed for want of an answer are queued again. */
  requeued(device: DeviceId): void;
  /** A peer has stored more of this profile's messages than it remembers sending: it is an old copy. */
  restored(): void;
  failed(error: unknown): void;
};
