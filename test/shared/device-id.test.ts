import { publicKeyFromRaw } from "@libp2p/crypto/keys";
import { peerIdFromPublicKey } from "@libp2p/peer-id";
import fc from "fast-check";
import { base58btc } from "multiformats/bases/base58";
import { describe, expect, test } from "vitest";
import { deviceIdOf, parseDeviceId, publicKeyOfDevice } from "../../shared/device-id.ts";
import { publicKeyOfSeed } from "../../shared/ed25519.ts";
import { expectError } from "../support/expect-error.ts";
import { personOf } from "../support/people.ts";

const { device } = personOf("alice");

describe("device id", () => {
  test("is the peer id that libp2p gives the key", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
        const publicKey = publicKeyOfSeed(seed);
        expect(deviceIdOf(publicKey)).toBe(peerIdFromPublicKey(publicKeyFromRaw(publicKey)).toString());
      }),
      { numRuns: 25 },
    );
  });

  test("reads the example of the peer id specification", () => {
    expect(parseDeviceId("12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA")).toHaveLength(52);
  });

  test("gives back the key it was made of", () => {
    expect(deviceIdOf(publicKeyOfDevice(device))).toBe(device);
    expect(parseDeviceId(device)).toBe(device);
  });

  const encode = (...bytes: number[]) => base58btc.baseEncode(Uint8Array.from(bytes));
  const key = [...publicKeyOfDevice(device)];

  test.each([
    ["nothing", ""],
    ["an RSA key", "QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC"],
    ["a secp256k1 key", "16Uiu2HAmLhLvBoYaoZfaMUKuibM6ac163GwKY74c5kiSLg5KvLpY"],
    ["a CID of the same key", "bafzaajaiaejca24q7uhr7adt3rtai4ixtn2r3q72kccwvwzg6wnfetwqyvrs5n2d"],
    ["a multibase prefix", `z${device}`],
    ["white space", ` ${device}`],
    ["another length", device.slice(0, -1)],
    ["a character outside of base58", `${device.slice(0, -1)}0`],
    ["another key type", encode(0, 0x24, 8, 2, 0x12, 0x20, ...key)],
    ["another multihash", encode(0x12, 0x24, 8, 1, 0x12, 0x20, ...key)],
    ["a key of small order", encode(0, 0x24, 8, 1, 0x12, 0x20, 1, ...new Array<number>(31).fill(0))],
  ])("refuses %s", async (_, text) => {
    await expectError(() => parseDeviceId(text), "KEY_INVALID");
  });

  test("is never made of a key of small order", async () => {
    await expectError(() => deviceIdOf(new Uint8Array(32)), "KEY_INVALID");
  });
});
