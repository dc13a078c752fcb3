import type { DeviceId } from "../../../shared/device-id.ts";
import type { ChatError } from "../../../shared/errors.ts";
import type { MailboxRecordPayload } from "../../../shared/mailbox-record.ts";
import type { NameRecord } from "../../../shared/name-record.ts";
import type { RelayDescriptor } from "../../../shared/relay-descriptor.ts";
import type { Username } from "../../../shared/username.ts";

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
