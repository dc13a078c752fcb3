import { concat, utf8 } from "../../shared/bytes.ts";
import { type DeviceId, publicKeyOfDevice } from "../../shared/device-id.ts";
import { ChatError } from "../../shared/errors.ts";
import type { ParcelSeals } from "../messaging/ports/mailboxes.ts";
import type { RandomBytes } from "./ciphersuite.ts";
import { HKDF_SHA512 } from "./hkdf.ts";
import { AES_256_GCM, type HpkeSuite, openHpke, sealHpke } from "./hpke.ts";
import { X_WING, xWing, xWingPublicKey } from "./x-wing.ts";

const SUITE: HpkeSuite = { kem: xWing, kdf: HKDF_SHA512, aead: AES_256_GCM };
const NOTHING = new Uint8Array();

/** HPKE in base mode (RFC 9180 6.1) with X-Wing; `info` is the recipient's device. */
export function parcelSeals(randomBytes: RandomBytes): ParcelSeals {
  return {
    publicKey: xWingPublicKey,
    seal(publicKey, to, plaintext) {
      try {
        const { encapsulated, ciphertext } = sealHpke(SUITE, { publicKey, randomBytes }, bindingOf(to), plaintext);
        return concat(encapsulated, ciphertext);
      } catch (cause) {
        throw new ChatError("KEY_INVALID", "not a key that parcels can be sealed for", { cause });
      }
    },
    open(seed, self, parcel) {
      const encapsulated = parcel.subarray(0, X_WING.ciphertextBytes);
      const ciphertext = parcel.subarray(X_WING.ciphertextBytes);
      try {
        return openHpke(SUITE, seed, bindingOf(self), { encapsulated, ciphertext });
      } catch (cause) {
        throw new ChatError("ENVELOPE_INVALID", "the parcel was not sealed for this key", { reason: "seal", cause });
      }
    },
  };
}

function bindingOf(to: DeviceId) {
  return { info: concat(utf8("p2pchat/parcel-seal/1\0"), publicKeyOfDevice(to)), aad: NOTHING };
}
