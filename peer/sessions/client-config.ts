import { type ClientConfig, defaultKeyPackageEqualityConfig } from "ts-mls";
import type { DeviceId } from "../../shared/device-id.ts";
import { twoDevicesOnly } from "./authentication.ts";
import { KEY_PACKAGE_LIFETIME_SECONDS } from "./key-package.ts";

/**
 * How the library treats a session. A message that is skipped is never decrypted later, so no key of one is kept: the
 * library would keep the ratchet secret, with which a thief of the state reads messages that were read before.
 */
export function clientConfig(own: DeviceId, peer: DeviceId): ClientConfig {
  return {
    keyRetentionConfig: { retainKeysForGenerations: 0, retainKeysForEpochs: 1, maximumForwardRatchetSteps: 0 },
    lifetimeConfig: { maximumTotalLifetime: BigInt(KEY_PACKAGE_LIFETIME_SECONDS), validateLifetimeOnReceive: true },
    keyPackageEqualityConfig: defaultKeyPackageEqualityConfig,
    paddingConfig: { kind: "alwaysPad", paddingLength: 0 },
    authService: twoDevicesOnly(own, peer),
  };
}
