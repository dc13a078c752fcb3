import {
  type Capabilities,
  type Extension,
  encodeMlsMessage,
  generateKeyPackageWithKey,
  type KeyPackage,
  type LeafNode,
  type PrivateKeyPackage,
} from "ts-mls";
import { makeKeyPackageRef } from "ts-mls/keyPackage.js";
import { concat } from "../../shared/bytes.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import { ChatError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/protocol.ts";
import type { NewKeyPackage } from "../messaging/ports/sessions.ts";
import { credentialOf, isLeafOf } from "./authentication.ts";
import { CIPHERSUITE } from "./ciphersuite.ts";
import { guardedSync } from "./library-boundary.ts";
import { decodeExactly } from "./mls-message.ts";
import type { OwnDevice } from "./own-device.ts";
import { X_WING } from "./x-wing.ts";

/** From `notBefore` to `notAfter`: 90 days. */
export const KEY_PACKAGE_LIFETIME_SECONDS = 90 * 24 * 3600;
/** Valid from so long before they are made, for the sake of clocks. */
const VALID_BEFORE_SECONDS = 48 * 3600;

/** Marks a package that is handed out when no other is left (draft-ietf-mls-extensions, last_resort). */
const LAST_RESORT: Extension = { extensionType: 0x000a, extensionData: new Uint8Array() };

const CAPABILITIES: Capabilities = {
  versions: ["mls10"],
  ciphersuites: [CIPHERSUITE],
  extensions: [0x000a],
  proposals: [],
  credentials: ["basic"],
};

export async function createKeyPackage(
  device: OwnDevice,
  { lastResort }: { lastResort: boolean },
): Promise<NewKeyPackage> {
  const { publicPackage, privatePackage } = await generateKeyPackage(device, lastResort ? [LAST_RESORT] : []);
  return {
    reference: await makeKeyPackageRef(publicPackage, device.suite.hash),
    publicPackage: encodeMlsMessage({ version: "mls10", wireformat: "mls_key_package", keyPackage: publicPackage }),
    privatePackage: concat(privatePackage.initPrivateKey, privatePackage.hpkePrivateKey),
  };
}

export function generateKeyPackage(device: OwnDevice, extensions: Extension[]) {
  const notBefore = Math.floor(device.now() / 1000) - VALID_BEFORE_SECONDS;
  const lifetime = { notBefore: BigInt(notBefore), notAfter: BigInt(notBefore + KEY_PACKAGE_LIFETIME_SECONDS) };
  const signatureKeys = { signKey: device.seed, publicKey: device.publicKey };
  const credential = credentialOf(device.id);
  return generateKeyPackageWithKey(credential, CAPABILITIES, lifetime, extensions, signatureKeys, device.suite);
}

/**
 * Reads a key package that is said to be `owner`'s. Signatures and ciphersuite are the library's to check, when it adds
 * the package.
 *
 * @throws ChatError KEY_PACKAGE_INVALID
 */
export function readKeyPackage(bytes: Uint8Array, owner: DeviceId, nowMs: number): KeyPackage {
  return guardedSync("KEY_PACKAGE_INVALID", "not a key package", () => {
    if (bytes.length > LIMITS.keyPackageMaxBytes) throw refuse("too large");
    const keyPackage = decodeKeyPackage(bytes);
    const { leafNode, extensions } = keyPackage;
    if (!isLeafOf(owner, leafNode.credential, leafNode.signaturePublicKey)) throw refuse("another device's");
    if (!isWithinLifetime(leafNode, nowMs)) throw refuse("not valid at this time");
    if (extensions.some(({ extensionType }) => extensionType !== LAST_RESORT.extensionType)) {
      throw refuse("extended in an unknown way");
    }
    return keyPackage;
  });
}

function decodeKeyPackage(bytes: Uint8Array): KeyPackage {
  const message = decodeExactly(bytes);
  if (message.wireformat !== "mls_key_package") throw refuse("another kind of message");
  return message.keyPackage;
}

/**
 * The library has such a check too, but against the system's clock, which may be a day off where `nowMs` is corrected,
 * and without a bound on the whole lifetime.
 */
export function isWithinLifetime(leaf: LeafNode, nowMs: number): boolean {
  if (leaf.leafNodeSource !== "key_package") return false;
  const { notBefore, notAfter } = leaf.lifetime;
  const now = BigInt(Math.floor(nowMs / 1000));
  return notBefore <= now && now <= notAfter && notAfter - notBefore <= BigInt(KEY_PACKAGE_LIFETIME_SECONDS);
}

/** @throws ChatError STORE_CORRUPT */
export function readPrivatePackage(bytes: Uint8Array, device: OwnDevice): PrivateKeyPackage {
  if (bytes.length !== 2 * X_WING.seedBytes) throw new ChatError("STORE_CORRUPT", "not a private key package");
  return {
    initPrivateKey: new Uint8Array(bytes.subarray(0, X_WING.seedBytes)),
    hpkePrivateKey: new Uint8Array(bytes.subarray(X_WING.seedBytes)),
    signaturePrivateKey: device.seed,
  };
}

function refuse(why: string): ChatError {
  return new ChatError("KEY_PACKAGE_INVALID", `a key package that is ${why}`);
}
