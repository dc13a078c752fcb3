import type { KeyObject } from "node:crypto";
import * as z from "zod";
import { type DeviceId, parseDeviceId, publicKeyOfDevice } from "./device-id.ts";
import { ChatError } from "./errors.ts";
import { parseJws, readPayload, signJws, verifyJws } from "./jws.ts";
import { JWS_TYPES, LIMITS } from "./protocol.ts";
import { unixSeconds, usernameSchema } from "./schemas.ts";

const MAX_BYTES = 2048;
/** Printable ASCII: databases differ in what else a text may hold. */
const JTI = /^[\x21-\x7e]{16,64}$/;

const claimsSchema = z.strictObject({
  iss: usernameSchema,
  sub: usernameSchema,
  aud: z.string().max(256),
  jti: z.string().regex(JTI),
  iat: unixSeconds,
  exp: unixSeconds,
});

/** Client assertion of RFC 7523 3: `iss` = `sub` = the username, `aud` the server as one string. */
export type AssertionClaims = z.infer<typeof claimsSchema>;

/** `kid` names the device whose key signs. */
export function signAssertion(claims: AssertionClaims, device: DeviceId, deviceKey: KeyObject): Promise<string> {
  return signJws(claims, { typ: JWS_TYPES.assertion, key: deviceKey, kid: device });
}

/**
 * Checks an assertion against the device key that `kid` contains, this server and this time. Whether that device is
 * listed under the name, and whether the `jti` is new, only the server's database can say.
 *
 * @param nowMs  milliseconds since the Unix epoch
 * @throws ChatError TOKEN_INVALID with reason `size`, `form`, `header`, `alg`, `typ`, `payload`, `kid`, `signature`,
 *   `iss`, `aud`, `exp`; CLOCK_SKEW when only the clock is wrong
 */
export async function verifyAssertion(
  text: string,
  expected: { aud: string; nowMs: number },
): Promise<{ claims: AssertionClaims; device: DeviceId }> {
  const rules = { typ: JWS_TYPES.assertion, maxBytes: MAX_BYTES, code: "TOKEN_INVALID", hasKid: true } as const;
  const jws = parseJws(text, rules);
  const claims = readPayload(claimsSchema, jws, "TOKEN_INVALID");
  const device = readKid(jws.header.kid);
  try {
    await verifyJws(jws, publicKeyOfDevice(device));
  } catch (cause) {
    throw refuse("signature", "the assertion's signature does not verify", { cause });
  }
  if (claims.iss !== claims.sub) throw refuse("iss", "issuer and subject must be the same username");
  if (claims.aud !== expected.aud) {
    throw refuse("aud", `the audience must be ${expected.aud}`, { details: { expectedAudience: expected.aud } });
  }
  checkTimes(claims, expected.nowMs);
  return { claims, device };
}

function readKid(kid: string | undefined): DeviceId {
  try {
    return parseDeviceId(kid ?? "");
  } catch (cause) {
    throw refuse("kid", "the assertion does not name the device that signs", { cause });
  }
}

function checkTimes({ iat, exp }: AssertionClaims, nowMs: number): void {
  const lifetime = exp - iat;
  if (lifetime <= 0 || lifetime > LIMITS.assertionMaxLifetimeSeconds) {
    throw refuse("exp", `an assertion lives at most ${LIMITS.assertionMaxLifetimeSeconds} s`);
  }
  const now = nowMs / 1000;
  const skew = LIMITS.clockSkewSeconds;
  if (iat > now + skew || exp < now - skew) {
    throw new ChatError("CLOCK_SKEW", "the assertion is not of this time; is the clock right?", {
      details: { serverTime: Math.floor(now) },
    });
  }
}

function refuse(reason: string, message: string, facts: { cause?: unknown; details?: Record<string, unknown> } = {}) {
  return new ChatError("TOKEN_INVALID", message, { reason, ...facts });
}
