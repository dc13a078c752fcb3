import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeCbor } from "../../shared/cbor.ts";
import { publicKeyOfDevice } from "../../shared/device-id.ts";
import { signWithDomain } from "../../shared/ed25519.ts";
import { pad } from "../../shared/padding.ts";
import {
  decodeParcel,
  encodeParcel,
  PARCEL_FRAME_OVERHEAD,
  PARCEL_MAX_FRAME_BYTES,
  PARCEL_SEAL_BYTES,
} from "../../shared/parcel.ts";
import { LIMITS, PARCEL_BUCKETS, SIGNATURE_DOMAINS } from "../../shared/protocol.ts";
import { expectError } from "../support/expect-error.ts";
import { personOf } from "../support/people.ts";

const [alice, bob, carol] = [personOf("alice"), personOf("bob"), personOf("carol")];
const SIZES = PARCEL_BUCKETS.map((bucket) => bucket - PARCEL_SEAL_BYTES);

function parcelOf(frames: readonly Uint8Array[]): Uint8Array {
  return encodeParcel({ from: alice.device, frames }, bob.device, alice.deviceKey);
}

/** A parcel of any content, with a sound signature. */
function signed(content: unknown): Uint8Array {
  const bytes = encodeCbor(content);
  const whole = new Uint8Array([...publicKeyOfDevice(bob.device), ...bytes]);
  const signature = signWithDomain(SIGNATURE_DOMAINS.parcel, whole, alice.deviceKey);
  return pad(encodeCbor({ content: bytes, signature }), SIZES);
}

const sound = { v: 1, from: publicKeyOfDevice(alice.device), frames: [Uint8Array.of(1)] };

describe("a parcel", () => {
  test("gives back its sender and frames, and has one of four sizes once it is sealed", () => {
    const frames = fc.array(fc.uint8Array({ maxLength: 4000 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(frames, (some) => {
        const parcel = parcelOf(some);
        expect(SIZES).toContain(parcel.length);
        expect(decodeParcel(parcel, bob.device)).toEqual({ from: alice.device, frames: some });
      }),
      { numRuns: 50 },
    );
  });

  test("holds as many bytes of frames as it says", () => {
    const one = new Uint8Array(PARCEL_MAX_FRAME_BYTES - PARCEL_FRAME_OVERHEAD);
    expect(parcelOf([one])).toHaveLength(SIZES.at(-1) ?? 0);
    const half = new Uint8Array(PARCEL_MAX_FRAME_BYTES / LIMITS.parcelMaxFrames - PARCEL_FRAME_OVERHEAD);
    const many = Array.from({ length: LIMITS.parcelMaxFrames }, () => half);
    expect(decodeParcel(parcelOf(many), bob.device).frames).toHaveLength(LIMITS.parcelMaxFrames);
  });

  test("is refused where its frames do not fit", async () => {
    await expectError(() => parcelOf([new Uint8Array(61_440)]), "MESSAGE_TOO_LARGE");
  });

  test("for somebody else is none for this device", async () => {
    await expectError(() => decodeParcel(parcelOf([Uint8Array.of(1)]), carol.device), "ENVELOPE_INVALID", "signature");
  });

  test("that names another sender than its signer is refused", async () => {
    const forged = encodeParcel({ from: carol.device, frames: [Uint8Array.of(1)] }, bob.device, alice.deviceKey);
    await expectError(() => decodeParcel(forged, bob.device), "ENVELOPE_INVALID", "signature");
  });

  const unsound: [string, unknown][] = [
    ["without frames", { ...sound, frames: [] }],
    ["with too many", { ...sound, frames: Array.from({ length: LIMITS.parcelMaxFrames + 1 }, () => Uint8Array.of(1)) }],
    ["with a frame that is no bytes", { ...sound, frames: ["text"] }],
    ["with a member too many", { ...sound, to: 1 }],
    ["whose sender is no key", { ...sound, from: Uint8Array.of(1) }],
  ];
  test.each(unsound)("%s is refused", async (_, content) => {
    await expectError(() => decodeParcel(signed(content), bob.device), "ENVELOPE_INVALID", "schema");
  });

  test("of another version says so", async () => {
    await expectError(() => decodeParcel(signed({ ...sound, v: 2 }), bob.device), "VERSION_UNSUPPORTED");
  });

  const REFUSALS = /^(ENVELOPE_INVALID|KEY_INVALID|VERSION_UNSUPPORTED)$/;

  test("with any bit changed is refused, and says nothing but codes", () => {
    const parcel = parcelOf([Uint8Array.of(1, 2, 3)]);
    const place = fc.tuple(fc.nat(parcel.length - 1), fc.nat(7));
    fc.assert(
      fc.property(place, ([at, bit]) => {
        const altered = parcel.with(at, (parcel[at] ?? 0) ^ (1 << bit));
        expect(() => decodeParcel(altered, bob.device)).toThrow(
          expect.objectContaining({ name: "ChatError", code: expect.stringMatching(REFUSALS) }),
        );
      }),
    );
  });
});
