import type { DeviceId } from "../../../shared/device-id.ts";

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
