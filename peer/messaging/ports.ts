import type { DeviceId } from "../../shared/device-id.ts";

/*
 * What the message rules need from the outside. `sessions/`, `network/`, `naming/`, `contacts/` and `history/`
 * implement these; `peer/compose.ts` wires them. Nothing here knows libp2p, MLS, SQLite or HTTP.
 */

/** Which way a message went. Relay, mailbox and mix become further paths. */
export type Path = "direct";

/** An ordered, framed, authenticated lane to one device; the opener sends envelopes, the other side answers. */
export interface Channel {
  readonly remote: DeviceId;
  readonly path: Path;
  /**
   * Sends frames in one write; resolves once flow control allows more.
   * @throws ChatError PEER_UNREACHABLE once the lane is closed
   */
  send(frames: readonly Uint8Array[], signal?: AbortSignal): Promise<void>;
  /**
   * Frames as they arrive, all that arrived together at once; unread bytes are bounded by back-pressure. Ends when the
   * other side closes; throws ChatError FRAME_TOO_LARGE, FRAME_INVALID, TIMED_OUT or PEER_UNREACHABLE.
   */
  receive(): AsyncIterable<readonly Uint8Array[]>;
  /** Flushes and closes; idempotent. */
  close(): Promise<void>;
  /** Closes at once. */
  abort(error: Error): void;
}

/** A way to reach devices. */
export interface Transport {
  /**
   * Opens a channel, over the connection that is there or by dialling.
   *
   * @param addresses multiaddrs, each ending in `/p2p/<device>`
   * @throws ChatError PEER_UNREACHABLE, TIMED_OUT
   */
  connect(device: DeviceId, addresses: readonly string[], signal: AbortSignal): Promise<Channel>;
  /** Multiaddrs under which this device can be dialled now, each ending in `/p2p/<own id>`. */
  addresses(): readonly string[];
}

/** What a transport tells its owner; handlers never throw. */
export interface TransportEvents {
  /** Another device opened a channel to this one. */
  onChannel(channel: Channel): void;
  /** A connection to that device came up, whoever dialled. */
  onConnected(device: DeviceId): void;
}

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
  /** SHA-256-sized reference by which a Welcome names the package (RFC 9420 5.2). */
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
   * @throws ChatError SESSION_INVALID when it is not a two-device session of `peer` and this device
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
   * @throws ChatError SESSION_OUT_OF_ORDER (skipped, repeated or of a forgotten epoch), SESSION_INVALID
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
