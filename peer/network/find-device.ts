import { type DeviceId, parseDeviceId } from "../../shared/device-id.ts";

/** The device behind a peer id, or undefined for keys other than Ed25519. */
export function findDevice(peerId: string): DeviceId | undefined {
  try {
    return parseDeviceId(peerId);
  } catch {
    return undefined;
  }
}
