import type { DeviceId } from "../../../shared/device-id.ts";
import type { FrameOf } from "../../../shared/frames.ts";
import type { RelayDescriptorPayload } from "../../../shared/relay-descriptor.ts";
import type { OutboxRow } from "./outbox.ts";

/** How to leave parcels for a device, as that device has granted it: `shared/frames.ts`. */
export type Grant = Pick<FrameOf<"grant">, "seq" | "key" | "boxes"> & {
  /** Milliseconds since the Unix epoch. */
  readonly receivedAtMs: number;
};

/** What this device has granted to another. */
export type GrantGiven = {
  readonly seq: number;
  /** Says which boxes; another means that the grant is out of date. */
  readonly boxes: string;
  /** Parcels that came from it since. */
  readonly used: number;
};

/** A secret that the boxes and seals of one week come from. */
export type MailboxSecret = {
  /** Weeks since the Unix epoch. */
  readonly week: number;
  /** 32 bytes. */
  readonly secret: Uint8Array;
  /** Where people were told of its boxes, by multiaddr; undefined where the first versions have not noted it. */
  readonly relays?: readonly string[] | undefined;
};

/** A parcel that must be left before anything else is, for its session has moved on. */
export type WaitingParcel = {
  readonly id: number;
  /** Sealed for `key`. */
  readonly parcel: Uint8Array;
  readonly key: Uint8Array;
  /** What is sealed in it; undefined for one that the first versions have written. */
  readonly content: Uint8Array | undefined;
  /** Whose messages are in it. */
  readonly rows: readonly Pick<OutboxRow, "id" | "messageId" | "envelopeId">[];
};

/** One frame of an answer that is to be left for a device. */
export type DueAnswer = { readonly id: number; readonly frame: Uint8Array };

export interface MailboxStore {
  /** Newest first. */
  secrets(): readonly MailboxSecret[];
  saveSecrets(secrets: readonly MailboxSecret[]): void;
  grantOf(device: DeviceId): Grant | undefined;
  saveGrant(device: DeviceId, grant: Grant): void;
  givenTo(device: DeviceId): GrantGiven | undefined;
  saveGiven(device: DeviceId, given: GrantGiven): void;
  /** Oldest first. */
  parcels(device: DeviceId): readonly WaitingParcel[];
  addParcel(device: DeviceId, parcel: Omit<WaitingParcel, "id">): void;
  /** The same parcel under another seal. */
  replaceParcel(device: DeviceId, parcel: WaitingParcel): void;
  removeParcel(id: number): void;
  removeParcels(device: DeviceId): void;
  /** Devices that are to be answered, whoever waits longest first. */
  answering(): readonly DeviceId[];
  /** Oldest first. */
  answersFor(device: DeviceId): readonly DueAnswer[];
  countAnswers(device: DeviceId): number;
  /** The same frame for the same device is due once. */
  addAnswers(device: DeviceId, frames: readonly Uint8Array[], nowMs: number): void;
  removeAnswers(ids: readonly number[]): void;
  oldestAnswerAtMs(): number | undefined;
  removeAnswersBefore(ms: number): void;
  /** That device is nobody's any more: what was granted either way, and what waits for it, is over. */
  forget(device: DeviceId): void;
  /** The relays that the naming server listed last. */
  relays(): readonly RelayDescriptorPayload[];
  saveRelays(relays: readonly RelayDescriptorPayload[]): void;
  relayOrderSecret(): Uint8Array | undefined;
  saveRelayOrderSecret(secret: Uint8Array): void;
  /** By multiaddr, those that passed connections on last. */
  relaysWorked(): readonly string[];
  saveRelaysWorked(relays: readonly string[]): void;
  /** Another device takes this one's place: all of this is over. */
  clear(): void;
}
