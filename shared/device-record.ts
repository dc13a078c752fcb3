import type * as z from "zod";
import { type DeviceId, publicKeyOfDevice } from "./device-id.ts";
import { parseJws, readPayload, verifyJws } from "./jws.ts";
import { checkLifetime } from "./lifetime.ts";

export type DeviceRecordRules<T> = {
  /** Of the JWS. */
  readonly typ: string;
  readonly schema: z.ZodType<T>;
  readonly maxBytes: number;
  readonly maxLifetimeSeconds: number;
  /** For people, such as "the address record". */
  readonly what: string;
  /** Whose record it says it is, and whose key must have signed it. */
  readonly signerOf: (payload: T) => DeviceId;
  /** What else must hold, said before its time is looked at. Throws ChatError. */
  readonly check?: (payload: T) => void;
};

/**
 * Reads a record that a device, or a relay, signed with the key that its own id contains, and that ends by itself.
 *
 * @param nowMs  milliseconds since the Unix epoch
 * @throws ChatError RECORD_INVALID (reason `size`, `form`, `header`, `alg`, `typ`, `payload`, `lifetime`), RECORD_EXPIRED,
 *   SIGNATURE_INVALID; out of time, with `serverTime` as detail
 */
export async function verifyDeviceRecord<T extends { readonly exp: number }>(
  text: string,
  nowMs: number,
  { typ, schema, maxBytes, maxLifetimeSeconds, what, signerOf, check }: DeviceRecordRules<T>,
): Promise<T> {
  const jws = parseJws(text, { typ, maxBytes, code: "RECORD_INVALID" });
  const payload = readPayload(schema, jws, "RECORD_INVALID");
  await verifyJws(jws, publicKeyOfDevice(signerOf(payload)));
  check?.(payload);
  checkLifetime(payload.exp, { nowMs, what, maxSeconds: maxLifetimeSeconds });
  return payload;
}
