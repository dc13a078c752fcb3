import type { KeyObject } from "node:crypto";
import * as z from "zod";
import { concat } from "./bytes.ts";
import { decodeCbor, decodeVersioned, encodeCbor } from "./cbor.ts";
import { type DeviceId, deviceIdOf } from "./device-id.ts";
import { ED25519, publicKeyObject, signWithDomain, verifyWithDomain } from "./ed25519.ts";
import { ChatError } from "./errors.ts";
import { hashWithDomain } from "./hash.ts";
import { pad, unpad } from "./padding.ts";
import { HASH_DOMAINS, PROTOCOL_VERSION, SIGNATURE_DOMAINS } from "./protocol.ts";
import { bytes, bytesOf, sequence } from "./schemas.ts";

/** The last instant that ECMAScript's Date can hold, milliseconds since the Unix epoch. */
const MAX_TIME_MS = 8.64e15;

const envelopeSchema = z.strictObject({
  v: z.literal(PROTOCOL_VERSION),
  sender: bytesOf(ED25519.publicKeyBytes),
  recipient: bytesOf(ED25519.publicKeyBytes),
  incarnation: bytesOf(16),
  conversation: bytesOf(32),
  seq: sequence,
  prevHash: bytesOf(32).nullable(),
  messageId: bytesOf(16),
  sentAt: z.int().min(0).max(MAX_TIME_MS),
  kind: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  body: bytes,
});

/**
 * What a device signs and another one stores. `sender` and `recipient` are device keys; `seq` counts 1, 2, 3, ... in
 * (sender, incarnation, conversation); `prevHash` is the link (`linkOf`) of the message before it to the same device, null
 * for the first; `sentAt` is the sender's clock in milliseconds and decides nothing. PROTOCOL.md 5.1.
 */
export type Envelope = z.infer<typeof envelopeSchema>;

export type SealedEnvelope = {
  /** What the session encrypts: the signed bytes and the signature, padded to a bucket. */
  readonly plaintext: Uint8Array;
  /** SHA-256 of exactly the signed bytes, under its own domain: 32 bytes. Acknowledgements go by it. */
  readonly envelopeId: Uint8Array;
};

const signedSchema = z.strictObject({ envelope: bytes, signature: bytesOf(ED25519.signatureBytes) });

export function sealEnvelope(envelope: Envelope, deviceKey: KeyObject): SealedEnvelope {
  const content = encodeCbor(envelope);
  const signature = signWithDomain(SIGNATURE_DOMAINS.envelope, content, deviceKey);
  return { plaintext: pad(encodeCbor({ envelope: content, signature })), envelopeId: envelopeIdOf(content) };
}

export type OpenedEnvelope = {
  readonly envelope: Envelope;
  /** The signed bytes and the signature, without padding: what `openSigned` reads. */
  readonly signed: Uint8Array;
  readonly envelopeId: Uint8Array;
  /** The device whose key signed. */
  readonly sender: DeviceId;
};

/**
 * Reads a decrypted envelope and checks the signature over the bytes as received.
 *
 * @throws ChatError ENVELOPE_INVALID with reason `padding`, `cbor`, `schema`, `signature`; KEY_INVALID;
 *   VERSION_UNSUPPORTED
 */
export function openEnvelope(plaintext: Uint8Array): OpenedEnvelope {
  return openSigned(unpad(plaintext));
}

/** The same without padding: an envelope that a device kept as proof. @throws as `openEnvelope` */
export function openSigned(signed: Uint8Array): OpenedEnvelope {
  const { envelope: content, signature } = decodeCbor(signedSchema, signed, "ENVELOPE_INVALID");
  const envelope = decodeVersioned(envelopeSchema, content, "ENVELOPE_INVALID");
  try {
    verifyWithDomain(SIGNATURE_DOMAINS.envelope, content, signature, publicKeyObject(envelope.sender));
  } catch (cause) {
    throw new ChatError("ENVELOPE_INVALID", "the envelope's signature does not verify", { reason: "signature", cause });
  }
  return { envelope, signed, envelopeId: envelopeIdOf(content), sender: deviceIdOf(envelope.sender) };
}

/**
 * What the next message to the same device names as `prevHash`: 32 bytes over this one's place and id, so that order and
 * holes are the sender's signed word. The body is left out: a tombstone takes a message's place without breaking it.
 */
export function linkOf({ prevHash, messageId }: Pick<Envelope, "prevHash" | "messageId">): Uint8Array {
  return hashWithDomain(HASH_DOMAINS.link, concat(prevHash ?? new Uint8Array(32), messageId));
}

function envelopeIdOf(content: Uint8Array): Uint8Array {
  return hashWithDomain(HASH_DOMAINS.envelope, content);
}
