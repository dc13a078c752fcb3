import type { DeviceId } from "../../../shared/device-id.ts";
import type { Username } from "../../../shared/username.ts";
import type { NameAnswer, PublicMailbox } from "./naming-server.ts";

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
