import type { KeyObject } from "node:crypto";
import * as z from "zod";
import { decodeBase64url } from "./base64url.ts";
import { type DeviceRecordRules, verifyDeviceRecord } from "./device-record.ts";
import { assertPublicKey, ED25519 } from "./ed25519.ts";
import { ChatError } from "./errors.ts";
import { signJws } from "./jws.ts";
import { JWS_TYPES, LIMITS, PROTOCOL_VERSION } from "./protocol.ts";
import { findRelayOf } from "./relay-address.ts";
import { base64urlOf, deviceIdSchema, sequence, unixSeconds, usernameSchema } from "./schemas.ts";

const boxSchema = z.strictObject({ relay: z.string().max(256), box: base64urlOf(ED25519.publicKeyBytes) });

const payloadSchema = z.strictObject({
  v: z.literal(PROTOCOL_VERSION),
  name: usernameSchema,
  device: deviceIdSchema,
  key: base64urlOf(LIMITS.sealKeyBytes),
  boxes: z.array(boxSchema).max(LIMITS.mailboxRecordMaxBoxes),
  seq: sequence,
  exp: unixSeconds,
});

/**
 * Where somebody who has no token may leave a parcel for a device: `box` at the relay whose multiaddr is `relay`,
 * encrypted to the X-Wing public key `key`, until `exp` (seconds since the epoch). No boxes: it is withdrawn.
 */
export type MailboxRecordPayload = z.infer<typeof payloadSchema>;

export type MailboxRecord = { readonly text: string; readonly payload: MailboxRecordPayload };

const RULES: DeviceRecordRules<MailboxRecordPayload> = {
  typ: JWS_TYPES.mailboxRecord,
  schema: payloadSchema,
  maxBytes: LIMITS.mailboxRecordMaxBytes,
  maxLifetimeSeconds: LIMITS.mailboxRecordMaxLifetimeSeconds,
  what: "the mailbox record",
  signerOf: ({ device }) => device,
};

/**
 * Reads and verifies a mailbox record against the device key that its own id contains.
 *
 * @param nowMs  milliseconds since the Unix epoch
 * @throws ChatError RECORD_INVALID (reason `size`, `form`, `header`, `alg`, `typ`, `payload`, `address`, `lifetime`),
 *   KEY_INVALID (a box is no acceptable key), RECORD_EXPIRED, SIGNATURE_INVALID; out of time, with `serverTime` as detail
 */
export async function verifyMailboxRecord(text: string, nowMs: number): Promise<MailboxRecord> {
  const payload = await verifyDeviceRecord(text, nowMs, RULES);
  checkBoxes(payload);
  return { text, payload };
}

/** Two boxes are there so that one relay may fail: they stand at two. */
function checkBoxes({ boxes }: MailboxRecordPayload): void {
  const relays = boxes.map(({ relay }) => findRelayOf(relay));
  if (relays.includes(undefined) || new Set(relays).size !== relays.length) {
    throw new ChatError("RECORD_INVALID", "the boxes are not at addresses of different relays", { reason: "address" });
  }
  for (const { box } of boxes) assertPublicKey(decodeBase64url(box, "RECORD_INVALID"));
}

/** Signs a mailbox record with the device's key. */
export function signMailboxRecord(payload: Omit<MailboxRecordPayload, "v">, deviceKey: KeyObject): Promise<string> {
  return signJws({ v: PROTOCOL_VERSION, ...payload }, { typ: JWS_TYPES.mailboxRecord, key: deviceKey });
}
