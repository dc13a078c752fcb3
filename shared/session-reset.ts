import type { KeyObject } from "node:crypto";
import { concat } from "./bytes.ts";
import { type DeviceId, publicKeyOfDevice } from "./device-id.ts";
import { publicKeyObject, signWithDomain, verifyWithDomain } from "./ed25519.ts";
import { SIGNATURE_DOMAINS } from "./protocol.ts";

type Reset = { readonly sessionId: Uint8Array; readonly from: DeviceId; readonly to: DeviceId };

/** What a device that lost a session signs: the session and both devices, so that it fits nowhere else. */
function resetContent({ sessionId, from, to }: Reset): Uint8Array {
  return concat(sessionId, publicKeyOfDevice(from), publicKeyOfDevice(to));
}

export function signReset(reset: Reset, deviceKey: KeyObject): Uint8Array {
  return signWithDomain(SIGNATURE_DOMAINS.sessionReset, resetContent(reset), deviceKey);
}

/** @throws ChatError SIGNATURE_INVALID */
export function verifyReset(reset: Reset, signature: Uint8Array): void {
  const key = publicKeyObject(publicKeyOfDevice(reset.from));
  verifyWithDomain(SIGNATURE_DOMAINS.sessionReset, resetContent(reset), signature, key);
}
