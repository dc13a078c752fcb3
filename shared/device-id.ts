import { base58btc } from "multiformats/bases/base58";
import { concat } from "./bytes.ts";
import { assertPublicKey, ED25519 } from "./ed25519.ts";
import { ChatError } from "./errors.ts";
import { remember } from "./remember.ts";

declare const brand: unique symbol;

/** A device's libp2p peer id in text form: base58btc of an identity multihash around its Ed25519 public key. */
export type DeviceId = string & { readonly [brand]: "DeviceId" };

/** Multihash identity (0x00), 36 bytes; protobuf: key type 1 (Ed25519), 32 bytes of key. libp2p peer-ids spec. */
const PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20);
const TEXT_LENGTH = 52;
const REMEMBERED = 4096;

/** @throws ChatError KEY_INVALID */
export function deviceIdOf(publicKey: Uint8Array): DeviceId {
  return encodeDeviceId(Buffer.from(publicKey).toString("latin1"));
}

/** The device's 32-byte Ed25519 public key. */
export function publicKeyOfDevice(device: DeviceId): Uint8Array {
  return decodeDeviceId(device).slice();
}

// Every frame names its devices, and base58 is slow.
const encodeDeviceId = remember(REMEMBERED, (latin1): DeviceId => {
  const publicKey = Buffer.from(latin1, "latin1");
  assertPublicKey(publicKey);
  return base58btc.baseEncode(concat(PREFIX, publicKey)) as DeviceId;
});
const decodeDeviceId = remember(REMEMBERED, (device) => base58btc.baseDecode(device).subarray(PREFIX.length));

/**
 * Reads a peer id; other key types (RSA, secp256k1) and other spellings are refused.
 *
 * @throws ChatError KEY_INVALID
 */
export function parseDeviceId(text: string): DeviceId {
  const refuse = () => new ChatError("KEY_INVALID", "not the peer id of an Ed25519 key");
  if (text.length !== TEXT_LENGTH || !text.startsWith("12D3KooW")) throw refuse();
  let multihash: Uint8Array;
  try {
    multihash = base58btc.baseDecode(text);
  } catch {
    throw refuse();
  }
  if (multihash.length !== PREFIX.length + ED25519.publicKeyBytes) throw refuse();
  if (!PREFIX.every((byte, index) => multihash[index] === byte)) throw refuse();
  assertPublicKey(multihash.subarray(PREFIX.length));
  return text as DeviceId;
}
