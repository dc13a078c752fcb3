import type { KeyObject } from "node:crypto";
import { multiaddr } from "@multiformats/multiaddr";
import * as z from "zod";
import type { DeviceId } from "./device-id.ts";
import { type DeviceRecordRules, verifyDeviceRecord } from "./device-record.ts";
import { ChatError } from "./errors.ts";
import { signJws } from "./jws.ts";
import { JWS_TYPES, LIMITS, PROTOCOL_VERSION } from "./protocol.ts";
import { deviceIdSchema, sequence, unixSeconds, usernameSchema } from "./schemas.ts";

const payloadSchema = z.strictObject({
  v: z.literal(PROTOCOL_VERSION),
  name: usernameSchema,
  device: deviceIdSchema,
  addrs: z.array(z.string().max(256)).max(LIMITS.addressRecordMaxAddresses),
  seq: sequence,
  exp: unixSeconds,
});

/** Where a device can be dialled: multiaddrs that end in `/p2p/<device>`, until `exp` (seconds since the epoch). */
export type AddressRecordPayload = z.infer<typeof payloadSchema>;

export type AddressRecord = { readonly text: string; readonly payload: AddressRecordPayload };

const RULES: DeviceRecordRules<AddressRecordPayload> = {
  typ: JWS_TYPES.addressRecord,
  schema: payloadSchema,
  maxBytes: LIMITS.addressRecordMaxBytes,
  maxLifetimeSeconds: LIMITS.addressRecordMaxLifetimeSeconds,
  what: "the address record",
  signerOf: ({ device }) => device,
};

/**
 * Reads and verifies an address record against the device key that its own id contains.
 *
 * @param nowMs  milliseconds since the Unix epoch
 * @throws ChatError RECORD_INVALID (reason as for a name record, or `address`, `lifetime`), RECORD_EXPIRED,
 *   SIGNATURE_INVALID; out of time, with `serverTime` as detail
 */
export async function verifyAddressRecord(text: string, nowMs: number): Promise<AddressRecord> {
  const payload = await verifyDeviceRecord(text, nowMs, RULES);
  for (const address of payload.addrs) {
    if (!isAddressOf(payload.device, address)) {
      throw new ChatError("RECORD_INVALID", "an address does not end in the device's id", { reason: "address" });
    }
  }
  return { text, payload };
}

/** True for a well-formed multiaddr whose last component is `/p2p/<device>`. */
export function isAddressOf(device: DeviceId, address: string): boolean {
  if (!address.endsWith(`/p2p/${device}`)) return false;
  try {
    return multiaddr(address).toString() === address;
  } catch {
    return false;
  }
}

/** Signs an address record with the device's key. */
export function signAddressRecord(payload: Omit<AddressRecordPayload, "v">, deviceKey: KeyObject): Promise<string> {
  return signJws({ v: PROTOCOL_VERSION, ...payload }, { typ: JWS_TYPES.addressRecord, key: deviceKey });
}
