import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeBase64url } from "../../shared/base64url.ts";
import { signJws } from "../../shared/jws.ts";
import { verifyMailboxRecord } from "../../shared/mailbox-record.ts";
import { JWS_TYPES } from "../../shared/protocol.ts";
import { expectError } from "../support/expect-error.ts";
import {
  addressRecordOf,
  mailboxPayloadOf,
  mailboxRecordOf,
  NOW_MS,
  NOW_SECONDS,
  personOf,
  relayOf,
} from "../support/people.ts";
import { testSignedRecord } from "../support/signed-record.ts";
import vector from "../vectors/mailbox-record.json" with { type: "json" };

const bob = personOf("bob");
const carol = personOf("carol");
const signer = { typ: JWS_TYPES.mailboxRecord, key: bob.deviceKey };
const valid = { v: 1, ...mailboxPayloadOf(bob) };
const [one, two] = valid.boxes;
const verify = (text: string) => verifyMailboxRecord(text, NOW_MS);
const signed = (change: object) => signJws({ ...valid, ...change }, signer);

describe("a mailbox record", () => {
  test("says where a device's boxes are", async () => {
    const text = await mailboxRecordOf(bob, { seq: 7 });
    expect(await verify(text)).toEqual({ text, payload: { ...valid, seq: 7 } });
  });

  test("reads and is written as the vector has it", async () => {
    expect((await verify(vector.text)).payload).toEqual(vector.payload);
    expect(await signJws(vector.payload, signer)).toBe(vector.text);
  });

  test("reads as it was written, whatever it says", async () => {
    const facts = fc.record({
      key: fc.uint8Array({ minLength: 1216, maxLength: 1216 }).map(encodeBase64url),
      boxes: fc.subarray([...valid.boxes]),
      seq: fc.integer({ min: 1 }),
      exp: fc.integer({ min: NOW_SECONDS, max: NOW_SECONDS + 35 * 24 * 3600 }),
    });
    await fc.assert(
      fc.asyncProperty(facts, async (fact) => {
        expect((await verify(await mailboxRecordOf(bob, fact))).payload).toEqual({ ...valid, ...fact });
      }),
      { numRuns: 100 },
    );
  });

  test("fits its 4 KiB with the two longest addresses", async () => {
    const boxes = valid.boxes.map(({ box }, index) => {
      const end = `/tcp/65535/p2p/${relayOf(`relay ${index}`).id}`;
      const host = `${"a".repeat(60)}.`.repeat(4).slice(0, 256 - "/dns4/".length - end.length);
      return { relay: `/dns4/${host}${end}`, box };
    });
    expect(boxes.map(({ relay }) => relay.length)).toEqual([256, 256]);
    expect((await verify(await mailboxRecordOf(bob, { boxes }))).payload.boxes).toEqual(boxes);
  });

  test("may say that there are none any more", async () => {
    expect((await verify(await mailboxRecordOf(bob, { boxes: [] }))).payload.boxes).toEqual([]);
  });

  test("lives 35 days at most, and no longer than it says", async () => {
    const limit = NOW_SECONDS + 35 * 24 * 3600 + 30;
    await verify(await mailboxRecordOf(bob, { exp: limit }));
    await expectError(verify(await mailboxRecordOf(bob, { exp: limit + 1 })), "RECORD_INVALID", "lifetime");
    await expectError(verify(await mailboxRecordOf(bob, { exp: NOW_SECONDS - 31 })), "RECORD_EXPIRED");
  });

  test("is refused when another device signed it", async () => {
    await expectError(verify(await mailboxRecordOf(bob, { device: carol.device })), "SIGNATURE_INVALID");
  });

  test.each([
    ["no peer id", "/ip4/192.0.2.9/tcp/4001"],
    ["an address through a relay", `${one?.relay}/p2p-circuit/p2p/${relayOf("relay two").id}`],
    ["the relay of the other box", two?.relay],
    ["another spelling", one?.relay.replace("4001", "04001")],
  ])("is refused with a box at %s", async (_, relay) => {
    const text = await signed({ boxes: [{ ...one, relay }, two] });
    await expectError(verify(text), "RECORD_INVALID", "address");
  });

  test("is refused with a box that anybody could sign for", async () => {
    const box = encodeBase64url(Uint8Array.of(1, ...new Array<number>(31).fill(0)));
    await expectError(verify(await signed({ boxes: [{ ...one, box }] })), "KEY_INVALID");
  });

  testSignedRecord({
    ...{ verify, signer, kid: bob.device, valid },
    tooLong: { name: "x".repeat(1500) },
    misshapen: [
      ["an unknown member", { aud: "https://names.example.org" }],
      ["an unknown member of a box", { boxes: [{ ...one, kind: "requests" }] }],
      ["three boxes", { boxes: [one, two, one] }],
      ["a box of 31 bytes", { boxes: [{ ...one, box: encodeBase64url(new Uint8Array(31)) }] }],
      ["a key of 1215 bytes", { key: encodeBase64url(new Uint8Array(1215)) }],
      ["a padded key", { key: `${valid.key}=` }],
      ["another version", { v: 2 }],
      ["another spelling of the name", { name: "Bob" }],
      ["sequence 0", { seq: 0 }],
    ],
    anotherKind: () => addressRecordOf(bob),
  });
});
