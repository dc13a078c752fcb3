import type { DeviceId } from "../../../shared/device-id.ts";

/** One side of a two-device MLS group: an immutable value, so that a failure leaves the caller's copy as it was. */
export interface Session {
  /** The MLS group id, 32 bytes. */
  readonly id: Uint8Array;
  readonly peer: DeviceId;
  /** True on the side that opened the session (leaf 0). */
  readonly opener: boolean;
  readonly epoch: number;
  /** An own commit that the peer has not acknowledged: nothing may be encrypted until it is. */
  readonly pendingCommit: Uint8Array | undefined;
  /** Application messages sent in this epoch. */
  readonly sentInEpoch: number;
}

export interface NewKeyPackage {
  /** The 64 bytes by which a Welcome names the package (RFC 9420 5.2, with the SHA-512 of the ciphersuite). */
  readonly reference: Uint8Array;
  readonly publicPackage: Uint8Array;
  /** Secret; deleted in the transaction that accepts its Welcome. */
  readonly privatePackage: Uint8Array;
}

/** End-to-end sessions between two devices. Every failure is a ChatError and leaves no trace in the arguments. */
export interface SecureSessions {
  createKeyPackage(options: { lastResort: boolean }): Promise<NewKeyPackage>;
  /**
   * Opens a session to a device that may be offline.
   * @throws ChatError KEY_PACKAGE_INVALID when the package is malformed, expired or not that device's
   */
  open(peer: DeviceId, keyPackage: Uint8Array): Promise<{ session: Session; welcome: Uint8Array }>;
  /** References of the key packages that a Welcome is for. @throws ChatError SESSION_INVALID */
  welcomeReferences(welcome: Uint8Array): readonly Uint8Array[];
  /**
   * @throws ChatError SESSION_INVALID when it is not a two-device session of `peer` and this device; STORE_CORRUPT when
   * the private package is not one that `createKeyPackage` made
   */
  join(
    peer: DeviceId,
    welcome: Uint8Array,
    key: Pick<NewKeyPackage, "publicPackage" | "privatePackage">,
  ): Promise<Session>;
  /** @throws ChatError INTERNAL under a pending commit */
  encrypt(
    session: Session,
    plaintext: Uint8Array,
    authenticatedData: Uint8Array,
  ): Promise<{ session: Session; ciphertext: Uint8Array }>;
  /**
   * Decrypts the peer's next message, never past a missing one.
   * @throws ChatError SESSION_OUT_OF_ORDER, with reason `skipped`, `repeated` (details `epoch`, `generation`,
   * `expectedGeneration`) or `epoch` (details `epoch`, `expectedEpoch`); SESSION_INVALID
   */
  decrypt(
    session: Session,
    ciphertext: Uint8Array,
  ): Promise<{ session: Session; plaintext: Uint8Array; authenticatedData: Uint8Array }>;
  /** Makes the commit that heals the session, or returns the pending one again. */
  beginCommit(session: Session): Promise<{ session: Session; commit: Uint8Array }>;
  /** The peer has applied the pending commit. @throws ChatError SESSION_INVALID when `commit` is not the pending one */
  confirmCommit(session: Session, commit: Uint8Array): Promise<Session>;
  /**
   * A commit of the peer. `repeated`: applied before, acknowledge again. `refused`: both committed at once and leaf 0,
   * this side, wins; the peer applies ours.
   * @throws ChatError SESSION_INVALID, SESSION_OUT_OF_ORDER
   */
  receiveCommit(
    session: Session,
    commit: Uint8Array,
  ): Promise<{ session: Session; outcome: "applied" | "repeated" | "refused" }>;
  /** Secret bytes from which `restore` makes the same session, a pending commit included. */
  serialise(session: Session): Uint8Array;
  /** @throws ChatError STORE_CORRUPT */
  restore(bytes: Uint8Array): Session;
}
