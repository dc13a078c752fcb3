import type { AuthenticationService, Credential, CredentialBasic } from "ts-mls";
import { compareBytes, utf8 } from "../../shared/bytes.ts";
import { type DeviceId, publicKeyOfDevice } from "../../shared/device-id.ts";

/** A leaf's identity: the device id as text. */
export function credentialOf(device: DeviceId): CredentialBasic {
  return { credentialType: "basic", identity: utf8(device) };
}

/** True when the leaf is that device's: its id, and the very key the id is made of. */
export function isLeafOf(device: DeviceId, credential: Credential, signaturePublicKey: Uint8Array): boolean {
  if (credential.credentialType !== "basic") return false;
  const { identity } = credential as CredentialBasic;
  return (
    compareBytes(identity, utf8(device)) === 0 && compareBytes(signaturePublicKey, publicKeyOfDevice(device)) === 0
  );
}

/** Accepts the leaves of the two devices and nobody else's; the library's default accepts everyone's. */
export function twoDevicesOnly(own: DeviceId, peer: DeviceId): AuthenticationService {
  return {
    async validateCredential(credential, signaturePublicKey) {
      return [own, peer].some((device) => isLeafOf(device, credential, signaturePublicKey));
    },
  };
}
