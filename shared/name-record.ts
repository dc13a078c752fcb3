import type { KeyObject } from "node:crypto";
import * as z from "zod";
import { decodeBase64url, encodeBase64url } from "./base64url.ts";
import { utf8 } from "./bytes.ts";
import { type DeviceId, deviceIdOf, publicKeyOfDevice } from "./device-id.ts";
import {
  assertPublicKey,
  ED25519,
  publicKeyObject,
  rawPublicKey,
  signWithDomain,
  verifyWithDomain,
} from "./ed25519.ts";
import { ChatError } from "./errors.ts";
import { hashWithDomain, sha256 } from "./hash.ts";
import { type ParsedJws, parseJws, readPayload, signJws, verifyJws } from "./jws.ts";
import { HASH_DOMAINS, JWS_TYPES, LIMITS, PROTOCOL_VERSION, SIGNATURE_DOMAINS } from "./protocol.ts";
import { audienceSchema, base64urlOf, deviceIdSchema, sequence, unixSeconds, usernameSchema } from "./schemas.ts";
import type { Username } from "./username.ts";

const key = base64urlOf(ED25519.publicKeyBytes);
const signature = base64urlOf(ED25519.signatureBytes);
const digest = base64urlOf(32);

const payloadSchema = z.strictObject({
  v: z.literal(PROTOCOL_VERSION),
  name: usernameSchema,
  seq: sequence,
  prev: digest.nullable(),
  identity: key,
  devices: z
    .array(z.strictObject({ id: deviceIdSchema, key, addedAt: unixSeconds, proof: signature }))
    .min(1)
    .max(LIMITS.recordMaxDevices),
  recovery: digest.nullable(),
  aud: z.string().max(256),
  iat: unixSeconds,
  /** On a rotation: the new identity key over (aud, name, seq, prev). */
  proof: signature.optional(),
  /** Where the recovery key signs: that key, whose hash the predecessor holds. */
  recoveryKey: key.optional(),
});

/** What a name record says; keys, hashes and signatures as base64url. PROTOCOL.md 2.2. */
export type NameRecordPayload = z.infer<typeof payloadSchema>;

/** A record whose form, keys and proofs have been checked; who signed it has not. */
export type NameRecord = {
  readonly jws: ParsedJws;
  readonly payload: NameRecordPayload;
  /** base64url of SHA-256 of the compact JWS; what the successor's `prev` names. */
  readonly hash: string;
  /** The raw identity key, 32 bytes. */
  readonly identity: Uint8Array;
  readonly devices: readonly DeviceId[];
};

/**
 * Reads a name record: form, keys, and each device's proof that it agreed to be listed under this name.
 *
 * @throws ChatError RECORD_INVALID (reason `size`, `form`, `header`, `alg`, `typ`, `payload`, `aud`, `device`, `proof`),
 *   KEY_INVALID
 */
export function parseNameRecord(text: string): NameRecord {
  const rules = { typ: JWS_TYPES.nameRecord, maxBytes: LIMITS.nameRecordMaxBytes, code: "RECORD_INVALID" } as const;
  const jws = parseJws(text, rules);
  const payload = readPayload(payloadSchema, jws, "RECORD_INVALID");
  const identity = decodeBase64url(payload.identity, "RECORD_INVALID");
  assertPublicKey(identity);
  checkShape(payload);
  for (const device of payload.devices) checkDevice(payload, device);
  const devices = payload.devices.map(({ id }) => id);
  return { jws, payload, hash: encodeBase64url(sha256(utf8(text))), identity, devices };
}

function checkShape(payload: NameRecordPayload): void {
  const first = payload.seq === 1;
  const sound =
    (payload.prev === null) === first &&
    !(first && payload.proof !== undefined) &&
    !(payload.recoveryKey !== undefined && payload.proof === undefined) &&
    new Set(payload.devices.map(({ id }) => id)).size === payload.devices.length;
  if (!sound) throw new ChatError("RECORD_INVALID", "the record contradicts itself", { reason: "payload" });
  if (!audienceSchema.safeParse(payload.aud).success) {
    throw new ChatError("RECORD_INVALID", "the audience is no server URL without a trailing slash", { reason: "aud" });
  }
  if (payload.proof === undefined) return;
  checkProof(payload.proof, SIGNATURE_DOMAINS.rotationProof, rotationContent(payload), payload.identity);
}

function checkDevice(payload: NameRecordPayload, device: NameRecordPayload["devices"][number]): void {
  if (encodeBase64url(publicKeyOfDevice(device.id)) !== device.key) {
    throw new ChatError("RECORD_INVALID", `device ${device.id} is listed with another key`, { reason: "device" });
  }
  checkProof(device.proof, SIGNATURE_DOMAINS.deviceProof, deviceContent(payload), device.key);
}

function checkProof(proof: string, domain: string, content: Uint8Array, publicKey: string): void {
  const bytes = decodeBase64url(proof, "RECORD_INVALID");
  try {
    verifyWithDomain(domain, content, bytes, publicKeyObject(decodeBase64url(publicKey, "RECORD_INVALID")));
  } catch (cause) {
    throw new ChatError("RECORD_INVALID", "a proof in the record does not verify", { reason: "proof", cause });
  }
}

const deviceContent = ({ aud, name, identity }: Pick<NameRecordPayload, "aud" | "name" | "identity">) =>
  utf8(JSON.stringify([aud, name, identity]));

const rotationContent = ({ aud, name, seq, prev }: Pick<NameRecordPayload, "aud" | "name" | "seq" | "prev">) =>
  utf8(JSON.stringify([aud, name, seq, prev]));

/**
 * Checks that the identity key in the record signed it: every first record, and every later one but a rotation.
 *
 * @throws ChatError SIGNATURE_INVALID; RECORD_INVALID (reason `rotation`) when only its predecessor can vouch for it
 */
export async function verifySelfSigned(record: NameRecord): Promise<void> {
  if (record.payload.proof !== undefined) {
    throw new ChatError("RECORD_INVALID", "a rotation is verified with its predecessor", { reason: "rotation" });
  }
  await verifyJws(record.jws, record.identity);
}

/**
 * Checks that `next` follows `previous`: same name and server, next sequence, its hash, and signed by the previous
 * identity key or, on a rotation, by the recovery key whose hash the predecessor holds.
 *
 * @throws ChatError RECORD_CONFLICT (sequence or `prev`), RECORD_INVALID (reason `name`, `rotation`, `recovery`),
 *   SIGNATURE_INVALID
 */
export async function verifySuccession(previous: NameRecord, next: NameRecord): Promise<void> {
  const [before, after] = [previous.payload, next.payload];
  if (after.name !== before.name || after.aud !== before.aud) {
    throw new ChatError("RECORD_INVALID", "the record belongs to another name or server", { reason: "name" });
  }
  if (after.seq !== before.seq + 1 || after.prev !== previous.hash) {
    throw new ChatError("RECORD_CONFLICT", `record ${after.seq} does not follow record ${before.seq}`);
  }
  if ((after.identity !== before.identity) !== (after.proof !== undefined)) {
    throw new ChatError("RECORD_INVALID", "a new identity key and its proof go together", { reason: "rotation" });
  }
  await verifyJws(
    next.jws,
    after.recoveryKey === undefined ? previous.identity : recoverySigner(before, after.recoveryKey),
  );
}

function recoverySigner(before: NameRecordPayload, recoveryKey: string): Uint8Array {
  const publicKey = decodeBase64url(recoveryKey, "RECORD_INVALID");
  if (before.recovery !== recoveryHash(publicKey)) {
    throw new ChatError("RECORD_INVALID", "not the recovery key that the name committed to", { reason: "recovery" });
  }
  return publicKey;
}

/** What a record's `recovery` holds for a recovery key of 32 raw bytes. */
export function recoveryHash(publicKey: Uint8Array): string {
  return encodeBase64url(hashWithDomain(HASH_DOMAINS.recoveryKey, publicKey));
}

/** A device and the moment it joined, seconds since the Unix epoch; the private key proves that it agrees. */
export type RecordDevice = { readonly key: KeyObject; readonly addedAt: number };

export type NameRecordInput = {
  readonly name: Username;
  readonly aud: string;
  /** The identity key of this record. */
  readonly identityKey: KeyObject;
  readonly devices: readonly RecordDevice[];
  /** `recoveryHash` of a recovery key. */
  readonly recovery?: string | null;
  /** Seconds since the Unix epoch. */
  readonly iat: number;
  readonly previous?: Pick<NameRecord, "hash" | "payload">;
  /** Who signs, where it is not `identityKey`: on a rotation the previous identity key or the recovery key. */
  readonly rotation?: { readonly signer: KeyObject; readonly isRecoveryKey: boolean };
};

/** Makes and signs a name record: the first one, or the successor of `previous`. */
export function signNameRecord(input: NameRecordInput): Promise<string> {
  const { name, aud, iat, rotation } = input;
  const base = {
    v: PROTOCOL_VERSION,
    name,
    seq: (input.previous?.payload.seq ?? 0) + 1,
    prev: input.previous?.hash ?? null,
    identity: encodeBase64url(rawPublicKey(input.identityKey)),
  };
  const subject = { ...base, aud };
  const payload = {
    ...base,
    devices: input.devices.map((device) => listDevice(device, deviceContent(subject))),
    recovery: input.recovery ?? null,
    aud,
    iat,
    ...(rotation && {
      proof: encodeBase64url(
        signWithDomain(SIGNATURE_DOMAINS.rotationProof, rotationContent(subject), input.identityKey),
      ),
    }),
    ...(rotation?.isRecoveryKey && { recoveryKey: encodeBase64url(rawPublicKey(rotation.signer)) }),
  };
  return signJws(payload, { typ: JWS_TYPES.nameRecord, key: rotation?.signer ?? input.identityKey });
}

function listDevice({ key: privateKey, addedAt }: RecordDevice, content: Uint8Array) {
  const publicKey = rawPublicKey(privateKey);
  const proof = signWithDomain(SIGNATURE_DOMAINS.deviceProof, content, privateKey);
  return { id: deviceIdOf(publicKey), key: encodeBase64url(publicKey), addedAt, proof: encodeBase64url(proof) };
}
