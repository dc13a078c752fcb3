import type { KeyObject } from "node:crypto";
import * as z from "zod";
import { type DeviceRecordRules, verifyDeviceRecord } from "./device-record.ts";
import { ChatError } from "./errors.ts";
import { signJws } from "./jws.ts";
import { JWS_TYPES, LIMITS, PROTOCOL_VERSION } from "./protocol.ts";
import { isRelayAddressOf } from "./relay-address.ts";
import { audienceSchema, deviceIdSchema, sequence, unixSeconds } from "./schemas.ts";

/** What a relay may do for others, in the order that a descriptor lists them. */
export const RELAY_ROLES = ["mailbox", "nat"] as const;

export type RelayRole = (typeof RELAY_ROLES)[number];

const wholeNumber = z.int().min(0);
/** No control or format characters, surrogates, private use, line or paragraph separators. */
const PRINTABLE = /^[^\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]*$/u;

const payloadSchema = z.strictObject({
  v: z.literal(PROTOCOL_VERSION),
  relay: deviceIdSchema,
  aud: audienceSchema,
  addrs: z.array(z.string().max(256)).max(LIMITS.relayDescriptorMaxAddresses),
  roles: z
    .array(z.enum(RELAY_ROLES))
    .min(1)
    .refine((roles) => roles.every((role, index) => index === 0 || role > (roles[index - 1] ?? role)), "not sorted"),
  limits: z.strictObject({
    reservations: wholeNumber,
    boxes: wholeNumber,
    parcelsPerBox: wholeNumber,
    bytesPerBox: wholeNumber,
    keepSeconds: wholeNumber,
  }),
  operator: z.string().max(LIMITS.relayOperatorMaxLength).regex(PRINTABLE),
  seq: sequence,
  exp: unixSeconds,
});

/**
 * What a volunteer's node offers, to the users of the one naming server `aud`, until `exp` (seconds since the epoch). No
 * addresses: it is withdrawn.
 */
export type RelayDescriptorPayload = z.infer<typeof payloadSchema>;

export type RelayDescriptor = { readonly text: string; readonly payload: RelayDescriptorPayload };

const RULES: DeviceRecordRules<RelayDescriptorPayload> = {
  typ: JWS_TYPES.relayDescriptor,
  schema: payloadSchema,
  maxBytes: LIMITS.relayDescriptorMaxBytes,
  maxLifetimeSeconds: LIMITS.relayDescriptorMaxLifetimeSeconds,
  what: "the relay descriptor",
  signerOf: ({ relay }) => relay,
};

/**
 * Reads and verifies a relay descriptor against the key that the relay's own peer id contains.
 *
 * @param audience  public URL of the naming server that lists it
 * @throws ChatError RECORD_INVALID (reason `size`, `form`, `header`, `alg`, `typ`, `payload`, `address`, `lifetime`,
 *   `aud` with `expectedAudience` as detail), RECORD_EXPIRED, SIGNATURE_INVALID; out of time, with `serverTime` as detail
 */
export async function verifyRelayDescriptor(
  text: string,
  { nowMs, audience }: { nowMs: number; audience?: string },
): Promise<RelayDescriptor> {
  const check = (payload: RelayDescriptorPayload) => checkAudience(payload, audience);
  const payload = await verifyDeviceRecord(text, nowMs, { ...RULES, check });
  if (!payload.addrs.every((address) => isRelayAddressOf(payload.relay, address))) {
    throw new ChatError("RECORD_INVALID", "an address is not one of the relay itself", { reason: "address" });
  }
  return { text, payload };
}

function checkAudience({ aud }: RelayDescriptorPayload, audience: string | undefined): void {
  if (audience === undefined || aud === audience) return;
  throw new ChatError("RECORD_INVALID", `the descriptor is for another server than ${audience}`, {
    reason: "aud",
    details: { expectedAudience: audience },
  });
}

/** Signs a relay descriptor with the relay's libp2p key. */
export function signRelayDescriptor(payload: Omit<RelayDescriptorPayload, "v">, relayKey: KeyObject): Promise<string> {
  return signJws({ v: PROTOCOL_VERSION, ...payload }, { typ: JWS_TYPES.relayDescriptor, key: relayKey });
}
