import type { KeyObject } from "node:crypto";
import { signAddressRecord } from "../../shared/address-record.ts";
import { encodeBase64url } from "../../shared/base64url.ts";
import { type DeviceId, deviceIdOf } from "../../shared/device-id.ts";
import { privateKeyObject, rawPublicKey } from "../../shared/ed25519.ts";
import { sha256 } from "../../shared/hash.ts";
import { type MailboxRecordPayload, signMailboxRecord } from "../../shared/mailbox-record.ts";
import { type NameRecord, type NameRecordInput, parseNameRecord, signNameRecord } from "../../shared/name-record.ts";
import { type RelayDescriptorPayload, signRelayDescriptor } from "../../shared/relay-descriptor.ts";
import { parseUsername, type Username } from "../../shared/username.ts";

export const AUDIENCE = "https://names.example.org";
/** 2026-11-20T12:00:00Z. */
export const NOW_SECONDS = 1_795_176_000;
export const NOW_MS = NOW_SECONDS * 1000;

/** The same label always gives the same Ed25519 key. */
export function keyOf(label: string): KeyObject {
  return privateKeyObject(sha256(Buffer.from(label)));
}

/** One person with reproducible keys: `identity` and `device` say which generation of each they use. */
export type Person = {
  readonly username: Username;
  readonly aud: string;
  readonly identityKey: KeyObject;
  readonly identity: Uint8Array;
  readonly deviceKey: KeyObject;
  readonly device: DeviceId;
};

export function personOf(name: string, keys: { identity?: string; device?: string; aud?: string } = {}): Person {
  const identityKey = keyOf(keys.identity ?? `${name} identity`);
  const deviceKey = keyOf(keys.device ?? `${name} device`);
  return {
    username: parseUsername(name),
    aud: keys.aud ?? AUDIENCE,
    identityKey,
    identity: rawPublicKey(identityKey),
    deviceKey,
    device: deviceIdOf(rawPublicKey(deviceKey)),
  };
}

type Change = Partial<Pick<NameRecordInput, "previous" | "rotation" | "recovery" | "devices" | "iat">>;

export function recordTextOf(person: Person, change: Change = {}): Promise<string> {
  return signNameRecord({
    name: person.username,
    aud: person.aud,
    identityKey: person.identityKey,
    devices: [{ key: person.deviceKey, addedAt: NOW_SECONDS }],
    iat: NOW_SECONDS,
    ...change,
  });
}

export async function recordOf(person: Person, change: Change = {}): Promise<NameRecord> {
  return parseNameRecord(await recordTextOf(person, change));
}

/** A chain of records of one unchanged key, oldest first. */
export async function chainOf(person: Person, length: number): Promise<[NameRecord, ...NameRecord[]]> {
  const records: [NameRecord, ...NameRecord[]] = [await recordOf(person)];
  for (let previous = records[0]; records.length < length; records.push(previous)) {
    previous = await recordOf(person, { previous, iat: NOW_SECONDS + records.length });
  }
  return records;
}

/** Hands the name over to the identity key of `next`, signed by the key of `before`. */
export function rotate(before: Person, previous: NameRecord, next: Person): Promise<NameRecord> {
  return recordOf(next, { previous, rotation: { signer: before.identityKey, isRecoveryKey: false } });
}

export function addressRecordOf(
  person: Person,
  facts: { addrs?: readonly string[]; exp?: number; seq?: number; device?: DeviceId } = {},
): Promise<string> {
  const device = facts.device ?? person.device;
  return signAddressRecord(
    {
      name: person.username,
      device,
      addrs: [...(facts.addrs ?? [`/ip4/192.0.2.7/tcp/4001/p2p/${device}`])],
      seq: facts.seq ?? 1,
      exp: facts.exp ?? NOW_SECONDS + 600,
    },
    person.deviceKey,
  );
}

/** The X-Wing public key stands for one: nothing encrypts to it. */
export function mailboxPayloadOf(person: Person, facts: Partial<Omit<MailboxRecordPayload, "v">> = {}) {
  return {
    name: person.username,
    device: person.device,
    key: encodeBase64url(new Uint8Array(1216).fill(7)),
    boxes: [boxAt(relayOf("relay one")), boxAt(relayOf("relay two"))],
    seq: 1,
    exp: NOW_SECONDS + 7 * 24 * 3600,
    ...facts,
  };
}

export function mailboxRecordOf(person: Person, facts: Partial<Omit<MailboxRecordPayload, "v">> = {}): Promise<string> {
  return signMailboxRecord(mailboxPayloadOf(person, facts), person.deviceKey);
}

/** A relay with a reproducible key. */
export type Relay = { readonly id: DeviceId; readonly key: KeyObject; readonly address: string };

export function relayOf(label: string): Relay {
  const key = keyOf(label);
  const id = deviceIdOf(rawPublicKey(key));
  return { id, key, address: `/ip4/192.0.2.9/tcp/4001/p2p/${id}` };
}

function boxAt(relay: Relay) {
  return { relay: relay.address, box: encodeBase64url(rawPublicKey(keyOf(`box at ${relay.id}`))) };
}

export function relayPayloadOf(relay: Relay, facts: Partial<Omit<RelayDescriptorPayload, "v">> = {}) {
  return {
    relay: relay.id,
    aud: AUDIENCE,
    addrs: [relay.address],
    roles: ["mailbox", "nat"] satisfies RelayDescriptorPayload["roles"],
    limits: { reservations: 2000, boxes: 10_000, parcelsPerBox: 1000, bytesPerBox: 16_777_216, keepSeconds: 2_592_000 },
    operator: "relays@example.org",
    seq: 1,
    exp: NOW_SECONDS + 1800,
    ...facts,
  };
}

export function relayDescriptorOf(
  relay: Relay,
  facts: Partial<Omit<RelayDescriptorPayload, "v">> = {},
): Promise<string> {
  return signRelayDescriptor(relayPayloadOf(relay, facts), relay.key);
}
