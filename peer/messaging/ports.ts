import type { KeyObject } from "node:crypto";
import type { DeviceId } from "../../shared/device-id.ts";
import type { ChatError } from "../../shared/errors.ts";
import type { MailboxRecordPayload } from "../../shared/mailbox-record.ts";
import type { NameRecord } from "../../shared/name-record.ts";
import type { RelayDescriptor } from "../../shared/relay-descriptor.ts";
import type { Username } from "../../shared/username.ts";
import type { Path } from "./path.ts";

/*
 * What the message rules need from the outside. `sessions/`, `network/`, `naming/`, `contacts/` and `history/`
 * implement these; `peer/compose.ts` wires them. Nothing here knows libp2p, MLS, SQLite or HTTP.
 */

/** An ordered, framed, authenticated lane to one device; the opener sends envelopes, the other side answers. */
export interface Channel {
  readonly remote: DeviceId;
  /** How its connection runs. */
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
  /** A channel on which checkpoints are compared, over the connection that is there; undefined without one. */
  openGossip(device: DeviceId, signal: AbortSignal): Promise<Channel | undefined>;
  /** A channel on which one word is said of somebody who writes, in the same way. */
  openTyping(device: DeviceId, signal: AbortSignal): Promise<Channel | undefined>;
  /** Multiaddrs under which this device can be dialled now, each ending in `/p2p/<own id>`. */
  addresses(): readonly string[];
}

/** What a transport tells its owner; handlers never throw. */
export interface TransportEvents {
  /** Another device opened a channel to this one. */
  onChannel(channel: Channel): void;
  /** Another device opened a channel to compare checkpoints. */
  onGossip(channel: Channel): void;
  /** Another device opened a channel to say that somebody writes. */
  onTyping?(channel: Channel): void;
  /** A connection to that device came up, whoever dialled. */
  onConnected(device: DeviceId): void;
  /** What `addresses()` answers has changed: a relay was found or lost, an interface came or went. */
  onAddressesChanged?(): void;
  /** This computer or process had stopped for a while: whatever was open may be dead. */
  onWoke?(): void;
  /** A contact's device turned up on the local network. */
  onNearby?(device: DeviceId): void;
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

/** What the owner of a box opens it with: a box of contacts has a token key, one of requests has none. */
export type BoxKey = { readonly key: KeyObject } & (
  | { readonly kind: "contacts"; readonly tokenKey: Uint8Array }
  | { readonly kind: "requests"; readonly tokenKey: null }
);

/** The mailbox of one relay, over a connection that says nothing of who uses it. Calls throw the relay's ChatErrors. */
export interface Mailbox {
  /** The relay's store, 16 bytes: another than before means that all in it is lost. */
  readonly store: Uint8Array;
  /** Resolves once the connection is gone. */
  readonly closed: Promise<unknown>;
  /** Makes the box or keeps it alive, and asks for notices. */
  open(box: BoxKey): Promise<unknown>;
  /** One listener, which never throws: something arrived in a box that was opened here. */
  onNotice(listener: (box: Uint8Array) => void): void;
  /** What lies behind that place, 0 for all; `more`: ask again from `last`. */
  fetch(
    box: Uint8Array,
    after: number,
  ): Promise<{
    readonly parcels: readonly { readonly place: number; readonly parcel: Uint8Array }[];
    readonly last: number;
    readonly more: boolean;
  }>;
  /** Those parcels are safe: the relay deletes them. */
  receipt(box: KeyObject, places: readonly number[]): Promise<void>;
  /** Resolves once the parcel is on the relay's disk. @param token  null for a box of requests */
  deposit(box: Uint8Array, token: Uint8Array | null, parcel: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export interface MailboxNetwork {
  /** @param relay  a multiaddr that ends in `/p2p/<relay>` @throws ChatError PEER_UNREACHABLE, TIMED_OUT */
  connect(relay: string, signal: AbortSignal): Promise<Mailbox>;
}

/** What hides the content of a parcel from the relay that keeps it: HPKE (RFC 9180) with X-Wing. */
export interface ParcelSeals {
  /** What others seal to, 1216 bytes. @param seed  32 secret bytes */
  publicKey(seed: Uint8Array): Uint8Array;
  /** @throws ChatError KEY_INVALID */
  seal(publicKey: Uint8Array, to: DeviceId, plaintext: Uint8Array): Uint8Array;
  /** @throws ChatError ENVELOPE_INVALID with reason `seal` */
  open(seed: Uint8Array, self: DeviceId, parcel: Uint8Array): Uint8Array;
}

/** What a naming server says about a name, its record's form and proofs checked, its signature not yet. */
export interface NameAnswer {
  readonly record: NameRecord;
  /** Verified, unexpired addresses by device. */
  readonly addresses: ReadonlyMap<DeviceId, readonly string[]>;
  /** Verified, unexpired mailboxes by device. */
  readonly mailboxes: ReadonlyMap<DeviceId, PublicMailbox>;
}

/** Where anybody may leave a parcel for a device, and for which key it is sealed. */
export type PublicMailbox = Pick<MailboxRecordPayload, "key" | "boxes" | "exp">;

export interface ClaimedKeyPackage {
  readonly device: DeviceId;
  readonly keyPackage: Uint8Array;
  readonly lastResort: boolean;
}

export interface OnlinePerson {
  readonly username: Username;
  readonly devices: readonly DeviceId[];
}

export interface PresenceChange {
  readonly username: Username;
  readonly device: DeviceId;
  readonly online: boolean;
}

/** What the naming server tells whoever watches. */
export type PresenceUpdate =
  | { readonly type: "list"; readonly online: readonly OnlinePerson[] }
  | { readonly type: "changes"; readonly changes: readonly PresenceChange[] }
  /** It cannot be heard now; a list or changes follow once it can. */
  | { readonly type: "lost"; readonly error: ChatError };

/**
 * The naming server. Every call throws ChatError SERVER_UNREACHABLE, SERVER_ERROR, SERVER_BUSY, RATE_LIMITED, CLOCK_SKEW
 * or TOKEN_INVALID when the server cannot be used, besides what it names itself.
 */
export interface NamingServer {
  /** @throws ChatError NAME_UNKNOWN, RECORD_INVALID, KEY_INVALID */
  lookup(username: Username, signal?: AbortSignal): Promise<NameAnswer>;
  /** Every record after sequence `after`, oldest first. @throws ChatError NAME_UNKNOWN, RECORD_INVALID */
  history(username: Username, after: number, signal?: AbortSignal): Promise<readonly NameRecord[]>;
  /** @throws ChatError USERNAME_TAKEN, USERNAME_CONFUSABLE, USERNAME_RESERVED, KEY_IN_USE, RECORD_CONFLICT */
  putRecord(username: Username, record: string, signal?: AbortSignal): Promise<void>;
  publishAddresses(record: string, signal?: AbortSignal): Promise<void>;
  withdrawAddresses(signal?: AbortSignal): Promise<void>;
  /** @throws ChatError RECORD_CONFLICT where the server knows a newer one */
  publishMailbox(record: string, signal?: AbortSignal): Promise<void>;
  /** How many one-time packages the server holds now, and whether a last resort. */
  uploadKeyPackages(
    upload: { keyPackages: readonly Uint8Array[]; lastResort?: Uint8Array },
    signal?: AbortSignal,
  ): Promise<{ count: number; lastResort: boolean }>;
  claimKeyPackages(username: Username, signal?: AbortSignal): Promise<readonly ClaimedKeyPackage[]>;
  online(signal?: AbortSignal): Promise<readonly OnlinePerson[]>;
  /** Relays that offer themselves to this server's users: verified, unexpired, in no order that means anything. */
  relays(signal?: AbortSignal): Promise<readonly RelayDescriptor[]>;
  /** Ends with the signal, in peace, and with an error only where trying again would be in vain. */
  watchPresence(signal: AbortSignal): AsyncIterable<PresenceUpdate>;
}

/** Where the log shows a record of a name. */
export type LoggedRecord = {
  readonly index: number;
  /** base64url of SHA-256 of the record. */
  readonly hash: string;
};

/** What this device makes of the naming server's log. */
export type LogStatus = {
  /** Of the newest checkpoint that was verified. */
  readonly size: number;
  readonly root: Uint8Array;
  /** When the server signed it, milliseconds since the Unix epoch; undefined before the first. */
  readonly signedAtMs: number | undefined;
  /** No checkpoint younger than a day was seen: the server may be showing an old view. */
  readonly stale: boolean;
  /** There is proof that the server has signed two logs. */
  readonly forked: boolean;
};

/** This device's verified copy of the naming server's log of all accepted records. */
export interface KeyLog {
  /**
   * Fetches what is new and verifies that it continues what was seen before. `maxAgeMs`: a copy verified so recently will
   * do.
   * @throws ChatError NOTE_INVALID, LOG_INVALID (reason `key`, `shrunk`, `root`, `size`), LOG_FORKED, and where the
   *   server cannot be asked, as `NamingServer`
   */
  sync(options?: { maxAgeMs?: number; signal?: AbortSignal | undefined }): Promise<void>;
  /** What the verified copy holds of a name from that place on, oldest first. */
  recordsOf(username: Username, from?: number): readonly LoggedRecord[];
  status(): LogStatus;
  /** Signed notes for others to compare with: the newest that was verified, and what proves a fork. */
  notes(): readonly string[];
  /**
   * Compares a note that somebody shows with the own copy, fetching what is new first where the note is ahead. `hidden`: the
   * server does not show this device, or not yet, what it has shown to others.
   * @throws ChatError LOG_FORKED where both cannot be true; NOTE_INVALID for what the log's key has not signed, which
   *   proves nothing; and as `sync`
   */
  compare(note: string, from: Username): Promise<"agreed" | "hidden">;
  /** The key that signs the log, 32 bytes: as pinned at first sight, and as the server shows it now. */
  keys(signal?: AbortSignal): Promise<{ readonly pinned: Uint8Array; readonly shown: Uint8Array }>;
  /**
   * Forgets what was verified and proven, and begins anew with the log that this key signs, once that is verified.
   * @throws ChatError KEY_CHANGED where the server shows another by now; and as `sync`
   */
  restart(shown: Uint8Array): Promise<void>;
  /** True where the own copy had that root when it had that size; undefined where it has not come that far. */
  agrees(size: number, root: Uint8Array): boolean | undefined;
}

/** A person this profile knows: pinned at first use, followed through rotations that the pinned key vouches for. */
export interface Contact {
  readonly username: Username;
  /** The newest accepted record, byte for byte. */
  readonly record: string;
  readonly seq: number;
  /** Raw identity key, 32 bytes. */
  readonly identity: Uint8Array;
  readonly devices: readonly DeviceId[];
  /** Where each device was last found. */
  readonly addresses: Readonly<Record<string, readonly string[]>>;
  /** What each device last published for people without a grant of it. */
  readonly mailboxes: Readonly<Record<string, PublicMailbox>>;
  /** The safety number was compared with this identity key. */
  readonly verified: boolean;
  readonly blocked: boolean;
  /** This profile has written to them: they are no stranger. */
  readonly accepted: boolean;
  /** How long messages between the two are kept, seconds; undefined for good. */
  readonly expireSeconds?: number;
  /** They are told which of their messages were seen here. */
  readonly readMarks?: boolean;
  /** They are told while something is written to them here, and it shows here where they tell it. */
  readonly typing?: boolean;
  /** A record that the pinned key does not vouch for: sending is blocked until `trust` accepts it. */
  readonly changed: { readonly record: string; readonly seenAtMs: number } | undefined;
  readonly pinnedAtMs: number;
}

/** Synchronous, so that it can take part in a transaction. */
export interface ContactStore {
  find(username: Username): Contact | undefined;
  findByDevice(device: DeviceId): Contact | undefined;
  list(): readonly Contact[];
  save(contact: Contact): void;
  remove(username: Username): boolean;
}

/** A person with a record that may be relied on now. */
export interface Resolved {
  readonly contact: Contact;
  /** True when the server could not be asked and the pinned record and last known addresses stand in. */
  readonly stale: boolean;
}

export interface Resolver {
  /**
   * Looks a name up and follows or pins it. `maxAgeMs`: an answer this young may be used again.
   * @throws ChatError KEY_CHANGED (details: both fingerprints), RECORD_ROLLBACK, RECORD_CONFLICT, RECORD_INVALID,
   *   SIGNATURE_INVALID; NAME_UNKNOWN, TIMED_OUT, SERVER_UNREACHABLE and the like only for a name that is not pinned
   */
  resolve(username: Username, options?: { maxAgeMs?: number; signal?: AbortSignal }): Promise<Resolved>;
  /**
   * The person behind a device: a contact that lists it, else the owner of the name it hints at, if that record at this
   * profile's own server lists the device.
   * @throws ChatError as `resolve`; ENVELOPE_INVALID with reason `identity` when nobody's record lists the device
   */
  resolveDevice(device: DeviceId, hint: string | undefined, signal?: AbortSignal): Promise<Contact>;
  /**
   * The verified record as the server shows it now; nobody is pinned by looking. For a contact, as strict as `resolve`.
   * @throws ChatError as `resolve`, and what the server could not be asked for
   */
  inspect(username: Username, signal?: AbortSignal): Promise<NameAnswer>;
  /** Accepts a changed key. @throws ChatError CONTACT_UNKNOWN */
  trust(username: Username, signal?: AbortSignal): Promise<Contact>;
}
