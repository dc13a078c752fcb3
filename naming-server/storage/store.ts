import type { DeviceId } from "../../shared/device-id.ts";
import type { Username } from "../../shared/username.ts";

/** A verified name record on its way into the database. */
export type RecordRow = {
  readonly name: Username;
  readonly skeleton: string;
  /** base64url of the raw identity key. */
  readonly identity: string;
  readonly seq: number;
  readonly hash: string;
  /** The compact JWS as received. */
  readonly record: string;
  readonly devices: readonly DeviceId[];
  /** Seconds since the Unix epoch. */
  readonly acceptedAt: number;
};

export type StoredRecord = Pick<RecordRow, "seq" | "hash" | "record">;

/** What a device published last and did not withdraw, live or not; `expires` in seconds since the epoch. */
export type Published = { readonly record: string; readonly expires: number };

/** A device as the newest record lists it. */
export type StoredDevice = {
  readonly device: DeviceId;
  readonly address: Published | undefined;
  readonly mailbox: Published | undefined;
};

export type StoredName = StoredRecord & {
  readonly devices: readonly StoredDevice[];
  /** The record's place in the log; undefined while it waits for one. */
  readonly logIndex: number | undefined;
};

/** A leaf of the log, as what it is made of. */
export type LeafRow = { readonly name: Username; readonly hash: string };

/** `note` proves the rest, under the public URL that the server had when it signed. */
export type CheckpointRow = {
  readonly size: number;
  readonly root: Uint8Array;
  /** Seconds since the Unix epoch. */
  readonly time: number;
  readonly note: string;
};

/** Seconds since the epoch, and a fresh seed for the log's key. */
export type RestoredStore = { readonly at: number; readonly until: number; readonly logSeed: Uint8Array };

/** How many leaves the log has, and the checkpoint that was signed last. */
export type LogState = { readonly size: number; readonly checkpoint: CheckpointRow | undefined };

export type AddressRow = {
  readonly name: Username;
  readonly device: DeviceId;
  readonly seq: number;
  /** Seconds since the Unix epoch. */
  readonly expires: number;
  readonly record: string;
  /** When it was received, seconds since the Unix epoch. */
  readonly at: number;
};

/** A record without boxes withdraws: it is not shown, but kept until it expires, so that it may come again. */
export type MailboxRow = AddressRow & { readonly isWithdrawn: boolean };

export type RelayRow = {
  readonly relay: DeviceId;
  readonly seq: number;
  /** Seconds since the Unix epoch. */
  readonly expires: number;
  readonly record: string;
  readonly isWithdrawn: boolean;
  /** When it was received, seconds since the Unix epoch. */
  readonly at: number;
};

export type ListedRelay = Pick<RelayRow, "relay" | "record">;

/** A device came online or went. Of one device's transitions the one with the highest id is the last. */
export type Transition = {
  readonly id: number;
  readonly name: Username;
  readonly device: DeviceId;
  readonly online: boolean;
};

export type Presence = {
  /** The highest id of a transition by then; 0 where there is none. */
  readonly newest: number;
  /** Ordered by name. */
  readonly online: readonly { readonly name: Username; readonly device: DeviceId }[];
};

export type KeyPackageCount = { readonly count: number; readonly lastResort: boolean };

export type KeyPackageUpload = {
  readonly device: DeviceId;
  readonly keyPackages: readonly Uint8Array[];
  readonly lastResort: Uint8Array | undefined;
};

export type ClaimedKeyPackage = {
  readonly device: DeviceId;
  readonly keyPackage: Uint8Array;
  readonly lastResort: boolean;
};

/** A bucket of `burst` that gets one back every so many seconds. */
export type Allowance = { readonly burst: number; readonly everySeconds: number };

/** One taken from the bucket of somebody, in all instances together; full buckets take no room. */
export type Draw = Allowance & { readonly kind: "registration" | "update" | "claim"; readonly subject: string };

/** What a name is given for, in the same transaction. */
export type Terms = {
  readonly draw?: Draw | undefined;
  /** SHA-256 of an invite code, which loses one use. */
  readonly invite?: Uint8Array | undefined;
};

/** An invite code as its hash; `expires` in seconds since the epoch. */
export type InviteRow = { readonly hash: Uint8Array; readonly uses: number; readonly expires: number };

/** An Ed25519 seed that signs access tokens from `activeFrom` (seconds since the epoch) until its successor does. */
export type SigningKeyRow = { readonly generation: number; readonly seed: Uint8Array; readonly activeFrom: number };

/**
 * The database was taken back to an earlier state: first records that were made since the newest one in it, `since`, may
 * come again before `until` (seconds since the epoch).
 */
export type Restoration = { readonly since: number; readonly until: number };

export type ForgetBefore = {
  readonly assertions: number;
  readonly addresses: number;
  readonly mailboxes: number;
  readonly relays: number;
  readonly claims: number;
  readonly transitions: number;
  readonly allowances: number;
};

/**
 * The naming server's database. Each method is one transaction, on disk once its promise resolves; what is unique is
 * the database's to decide. Everything here has one meaning in SQLite and PostgreSQL, and one test suite over both.
 *
 * Every method throws ChatError STORAGE when the database cannot be used now, SERVER_BUSY when it is held by another,
 * STORE_CORRUPT when its contents cannot be trusted, besides what it names itself.
 */
export interface Store {
  findName(name: Username): Promise<StoredName | undefined>;
  /** A number that is another one once another instance has written; what this one writes need not show. */
  foreignWrites(): Promise<number>;
  /** Records after sequence `after`, oldest first; undefined for an unknown name. */
  listRecords(name: Username, after: number, limit: number): Promise<readonly StoredRecord[] | undefined>;
  /**
   * Claims a name with its first record; `repeated` when these very bytes hold it already, which costs nothing. A name
   * that is refused costs nothing either.
   * @throws ChatError USERNAME_TAKEN, USERNAME_CONFUSABLE, KEY_IN_USE, RATE_LIMITED (with `retryAfterSeconds`),
   *   INVITE_INVALID for a code that is unknown, used up or expired
   */
  createName(row: RecordRow, terms?: Terms): Promise<"created" | "repeated">;
  /**
   * Follows the record with hash `previous`; devices that it no longer lists go, with their addresses and key packages,
   * and where one was online, that is a transition.
   * @throws ChatError RECORD_CONFLICT, KEY_IN_USE, RATE_LIMITED (with `retryAfterSeconds`)
   */
  replaceRecord(row: RecordRow, previous: string, draw?: Draw): Promise<"replaced" | "repeated">;
  addInvite(invite: InviteRow): Promise<void>;

  /** Leaves from index `start` on, in order. */
  listLeaves(start: number, limit: number): Promise<readonly LeafRow[]>;
  /** The place of a name's record with that sequence; undefined while it waits for one. */
  findLogIndex(name: Username, seq: number): Promise<number | undefined>;
  readLog(): Promise<LogState>;
  /**
   * Gives places 0, 1, 2... to the records that wait for one, in the order in which they were accepted, where this is not
   * done as they are accepted. Of several instances only one does it at a time: `holder` names this one.
   */
  sequenceRecords(holder: string): Promise<void>;
  /**
   * Takes the checkpoint that follows the one with note `previous`, signed by the key of `seed`; false where another
   * instance was first, or the log goes on under another key.
   */
  saveCheckpoint(next: CheckpointRow, previous: string | undefined, seed: Uint8Array): Promise<boolean>;
  /** The seed of the key that signs checkpoints: `fresh` where there is none yet. Only `markRestored` changes it. */
  keepLogSeed(fresh: Uint8Array): Promise<Uint8Array>;

  /**
   * Publishes; where the device was not online and the record lives, that is a transition.
   * @throws ChatError RECORD_CONFLICT for a sequence that does not rise, FORBIDDEN for a device the name lacks
   */
  putAddress(row: AddressRow): Promise<void>;
  /**
   * Withdraws; the sequence stays, so that no older record comes back. Where the device was online, that is a transition.
   */
  deleteAddress(device: DeviceId, at: number): Promise<void>;
  /** Devices whose address record lives at `at` (seconds since the epoch), ordered by name. */
  listOnline(at: number): Promise<readonly { readonly name: Username; readonly device: DeviceId }[]>;

  /**
   * Finds the devices that are online and whose address record has ended by `at`: each goes with a transition, exactly
   * one, however many instances look at once. Answers how many went.
   */
  expireAddresses(at: number): Promise<number>;
  /** Who is online by the last transition of each device. `newest` is read no later than the list. */
  readPresence(): Promise<Presence>;
  /**
   * Transitions with an id above `after`, lowest first. Each has its own id, drawn within its transaction and, for one
   * device, in the order of the transactions; otherwise ids may have gaps, and a lower one may appear after a higher one,
   * for as long as a transaction may last. Ids are not used twice, not even after the newest was forgotten.
   */
  listTransitions(after: number, limit: number): Promise<readonly Transition[]>;

  /**
   * Publishes where a device has its mailboxes, or that it has none; presence is another matter.
   * @throws ChatError RECORD_CONFLICT for a sequence that does not rise, FORBIDDEN for a device the name lacks
   */
  putMailbox(row: MailboxRow): Promise<void>;

  /**
   * Lists a relay, or takes it off the list. Its sequence is remembered until no record that was ever listed could still
   * live, and for as long it has its place among the `max` that there may be; instances that add one at the same moment
   * may go a little beyond. One that withdraws and was not there leaves nothing behind.
   * @throws ChatError RECORD_CONFLICT for a sequence that does not rise, RELAYS_FULL
   */
  putRelay(row: RelayRow, max: number): Promise<void>;
  /** Those whose descriptor lives at `at`, ordered by id. */
  listRelays(at: number, limit: number): Promise<readonly ListedRelay[]>;

  /**
   * Adds one-time packages, passing over those it has or has handed out, and replaces the last resort where one is given.
   * @throws ChatError KEY_PACKAGES_FULL (nothing is added), FORBIDDEN for an unknown device
   */
  addKeyPackages(upload: KeyPackageUpload): Promise<KeyPackageCount>;
  /**
   * Takes the oldest package of each device, never to be handed out again, or its last resort; undefined for an unknown
   * name. Whoever has drawn their share gets last resorts only, so that nobody takes all that is there for others.
   * @throws ChatError RATE_LIMITED (with `retryAfterSeconds`) for one who has, where no device has a last resort
   */
  claimKeyPackages(name: Username, at: number, draw?: Draw): Promise<readonly ClaimedKeyPackage[] | undefined>;

  /** @throws ChatError TOKEN_REPLAYED when (`sub`, `jti`) has been seen */
  rememberAssertion(assertion: { sub: Username; jti: string; expires: number }): Promise<void>;

  /** Oldest first. */
  listSigningKeys(): Promise<readonly SigningKeyRow[]>;
  /** The first instance to add a generation wins; the others' keys are dropped. */
  addSigningKey(row: SigningKeyRow): Promise<void>;
  deleteSigningKeysBefore(generation: number): Promise<void>;

  /**
   * Forgets assertions, addresses, mailboxes, relays and claimed packages that ended, transitions that were, and allowances that were full
   * and invites that ended, before these times (seconds since the epoch). An address is not forgotten before its end was
   * a transition.
   */
  forgetExpired(before: ForgetBefore): Promise<void>;

  /**
   * After this database was put back from a backup, before it is served: forgets one-time key packages, which may have
   * been handed out since, and addresses, and opens the time until which lost names may come again. The log goes on under
   * another key: under the old one its checkpoints would contradict those that are missing now.
   */
  markRestored(restored: RestoredStore): Promise<void>;
  findRestoration(): Promise<Restoration | undefined>;

  ping(): Promise<void>;
  /** What the database takes on its disk. */
  sizeBytes(): Promise<number>;
  /** Lets writes that have begun finish. */
  close(): Promise<void>;
}
