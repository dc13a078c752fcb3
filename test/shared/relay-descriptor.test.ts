import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { signJws } from "../../shared/jws.ts";
import { JWS_TYPES } from "../../shared/protocol.ts";
import { RELAY_ROLES, verifyRelayDescriptor } from "../../shared/relay-descriptor.ts";
import { expectError } from "../support/expect-error.ts";
import {
  AUDIENCE,
  addressRecordOf,
  NOW_MS,
  NOW_SECONDS,
  personOf,
  relayDescriptorOf,
  relayOf,
  relayPayloadOf,
} from "../support/people.ts";
import { testSignedRecord } from "../support/signed-record.ts";
import vector from "../vectors/relay-descriptor.json" with { type: "json" };

const relay = relayOf("relay one");
const other = relayOf("relay two");
const signer = { typ: JWS_TYPES.relayDescriptor, key: relay.key };
const valid = { v: 1, ...relayPayloadOf(relay) };
const verify = (text: string) => verifyRelayDescriptor(text, { nowMs: NOW_MS, audience: AUDIENCE });

describe("a relay descriptor", () => {
  test("says where a relay is and what it offers", async () => {
    const text = await relayDescriptorOf(relay, { seq: 7 });
    expect(await verify(text)).toEqual({ text, payload: { ...valid, seq: 7 } });
  });

  test("reads and is written as the vector has it", async () => {
    expect((await verify(vector.text)).payload).toEqual(vector.payload);
    expect(await signJws(vector.payload, signer)).toBe(vector.text);
  });

  test("reads as it was written, whatever it says", async () => {
    const number = fc.nat();
    const facts = fc.record({
      roles: fc.subarray([...RELAY_ROLES], { minLength: 1 }),
      limits: fc.record({
        reservations: number,
        boxes: number,
        parcelsPerBox: number,
        bytesPerBox: number,
        keepSeconds: number,
      }),
      operator: fc.stringMatching(/^[ -~äß€]{0,64}$/),
      seq: fc.integer({ min: 1 }),
      exp: fc.integer({ min: NOW_SECONDS, max: NOW_SECONDS + 3600 }),
      addrs: fc.subarray([relay.address, `/dns4/relay.example.org/tcp/443/p2p/${relay.id}`]),
    });
    await fc.assert(
      fc.asyncProperty(facts, async (fact) => {
        expect((await verify(await relayDescriptorOf(relay, fact))).payload).toEqual({ ...valid, ...fact });
      }),
      { numRuns: 100 },
    );
  });

  test("may say that the relay is gone", async () => {
    expect((await verify(await relayDescriptorOf(relay, { addrs: [] }))).payload.addrs).toEqual([]);
  });

  test("is refused at another naming server, whose spelling the refusal names", async () => {
    const text = await relayDescriptorOf(relay, { aud: "https://elsewhere.example.org" });
    const error = await expectError(verify(text), "RECORD_INVALID", "aud");
    expect(error.details).toEqual({ expectedAudience: AUDIENCE });
    await verifyRelayDescriptor(text, { nowMs: NOW_MS });
  });

  test("lives one hour at most, and no longer than it says", async () => {
    await expectError(
      verify(await relayDescriptorOf(relay, { exp: NOW_SECONDS + 3631 })),
      "RECORD_INVALID",
      "lifetime",
    );
    await expectError(verify(await relayDescriptorOf(relay, { exp: NOW_SECONDS - 31 })), "RECORD_EXPIRED");
  });

  test("is refused when another relay signed it", async () => {
    await expectError(verify(await relayDescriptorOf(relay, { relay: other.id, addrs: [] })), "SIGNATURE_INVALID");
  });

  test.each([
    ["another relay's address", other.address],
    ["an address through another relay", `${other.address}/p2p-circuit/p2p/${relay.id}`],
    ["no peer id", "/ip4/192.0.2.9/tcp/4001"],
    ["another spelling", `/ip4/192.0.2.9/tcp/04001/p2p/${relay.id}`],
  ])("is refused with %s", async (_, address) => {
    const text = await relayDescriptorOf(relay, { addrs: [relay.address, address] });
    await expectError(verify(text), "RECORD_INVALID", "address");
  });

  testSignedRecord({
    ...{ verify, signer, kid: relay.id, valid },
    tooLong: { operator: "x".repeat(3200) },
    misshapen: [
      ["an unknown member", { contact: "me" }],
      ["an unknown limit", { limits: { ...valid.limits, bytes: 1 } }],
      ["a limit left out", { limits: { reservations: 1 } }],
      ["a negative limit", { limits: { ...valid.limits, boxes: -1 } }],
      ["a fraction", { limits: { ...valid.limits, boxes: 0.5 } }],
      ["another version", { v: 2 }],
      ["a peer id that is none", { relay: "12D3KooW" }],
      ["an audience with a trailing slash", { aud: `${AUDIENCE}/` }],
      ["nine addresses", { addrs: new Array(9).fill(relay.address) }],
      ["no role", { roles: [] }],
      ["an unknown role", { roles: ["mix"] }],
      ["a role twice", { roles: ["nat", "nat"] }],
      ["roles in another order", { roles: ["nat", "mailbox"] }],
      ["an operator of 65 characters", { operator: "x".repeat(65) }],
      ["an operator on two lines", { operator: "a\nb" }],
      ["an escape sequence", { operator: "\u001b[31m" }],
      ["a change of writing direction", { operator: "a\u202eb" }],
      ["a line separator", { operator: "a\u2028b" }],
      ["sequence 0", { seq: 0 }],
      ["an expiry in words", { exp: "soon" }],
    ],
    anotherKind: () => addressRecordOf(personOf("bob")),
  });
});
