import { describe, expect, test } from "vitest";
import { isAddressOf, verifyAddressRecord } from "../../shared/address-record.ts";
import { JWS_TYPES } from "../../shared/protocol.ts";
import { expectError } from "../support/expect-error.ts";
import { addressRecordOf, NOW_MS, NOW_SECONDS, personOf, recordTextOf } from "../support/people.ts";
import { testSignedRecord } from "../support/signed-record.ts";

const bob = personOf("bob");
const carol = personOf("carol");
const tcp = "/ip4/192.0.2.7/tcp/4001";

describe("an address record", () => {
  test("says where a device is", async () => {
    const text = await addressRecordOf(bob, { seq: 7 });
    const { payload } = await verifyAddressRecord(text, NOW_MS);
    expect(payload).toEqual({
      v: 1,
      name: "bob",
      device: bob.device,
      addrs: [`${tcp}/p2p/${bob.device}`],
      seq: 7,
      exp: NOW_SECONDS + 600,
    });
  });

  test("may say that it is nowhere", async () => {
    const { payload } = await verifyAddressRecord(await addressRecordOf(bob, { addrs: [] }), NOW_MS);
    expect(payload.addrs).toEqual([]);
  });

  test("holds until 30 s after its expiry", async () => {
    const text = await addressRecordOf(bob, { exp: NOW_SECONDS });
    await verifyAddressRecord(text, NOW_MS + 30_000);
    await expectError(verifyAddressRecord(text, NOW_MS + 30_001), "RECORD_EXPIRED");
  });

  test("lives one hour at most, 30 s of clock difference aside", async () => {
    const text = await addressRecordOf(bob, { exp: NOW_SECONDS + 3630 });
    await verifyAddressRecord(text, NOW_MS);
    await expectError(verifyAddressRecord(text, NOW_MS - 1000), "RECORD_INVALID", "lifetime");
  });

  test.each([
    ["no peer id", tcp],
    ["another device's peer id", `${tcp}/p2p/${carol.device}`],
    ["something after the peer id", `${tcp}/p2p/${bob.device}/p2p-circuit`],
    ["a trailing slash", `${tcp}/p2p/${bob.device}/`],
    ["an address that is none", `/nowhere/p2p/${bob.device}`],
    ["another spelling", `/ip4/192.0.2.7/tcp/04001/p2p/${bob.device}`],
    ["no leading slash", `ip4/192.0.2.7/tcp/4001/p2p/${bob.device}`],
  ])("is refused with %s", async (_, address) => {
    expect(isAddressOf(bob.device, address)).toBe(false);
    await expectError(
      verifyAddressRecord(await addressRecordOf(bob, { addrs: [address] }), NOW_MS),
      "RECORD_INVALID",
      "address",
    );
  });

  test.each([`/ip6/2001:db8::7/tcp/4001`, `/dns4/bob.example.org/tcp/443`, `${tcp}/p2p/${carol.device}/p2p-circuit`])(
    "takes %s followed by its own peer id",
    (address) => {
      expect(isAddressOf(bob.device, `${address}/p2p/${bob.device}`)).toBe(true);
    },
  );

  test("is refused with nine addresses", async () => {
    const addrs = Array.from({ length: 9 }, (_, index) => `/ip4/192.0.2.7/tcp/${index + 1}/p2p/${bob.device}`);
    await verifyAddressRecord(await addressRecordOf(bob, { addrs: addrs.slice(1) }), NOW_MS);
    await expectError(verifyAddressRecord(await addressRecordOf(bob, { addrs }), NOW_MS), "RECORD_INVALID", "payload");
  });

  test("is refused when another device signed it", async () => {
    const text = await addressRecordOf(bob, { device: carol.device });
    await expectError(verifyAddressRecord(text, NOW_MS), "SIGNATURE_INVALID");
  });

  testSignedRecord({
    ...{ verify: (text) => verifyAddressRecord(text, NOW_MS), kid: bob.device },
    signer: { typ: JWS_TYPES.addressRecord, key: bob.deviceKey },
    valid: { v: 1, name: "bob", device: bob.device, addrs: [], seq: 1, exp: NOW_SECONDS + 60 },
    tooLong: { name: "x".repeat(4096) },
    misshapen: [
      ["an unknown member", { relay: true }],
      ["another version", { v: 2 }],
      ["sequence 0", { seq: 0 }],
      ["an expiry in words", { exp: "soon" }],
      ["another spelling of the name", { name: "Bob" }],
    ],
    anotherKind: () => recordTextOf(bob),
  });
});
