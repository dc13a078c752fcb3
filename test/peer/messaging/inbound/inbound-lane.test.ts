import { describe, expect, test } from "vitest";
import { encodeCbor } from "../../../../shared/cbor.ts";
import { sealEnvelope } from "../../../../shared/envelope.ts";
import { encodeFrame } from "../../../../shared/frames.ts";
import { LIMITS } from "../../../../shared/protocol.ts";
import { attacked } from "../../../support/attacked-peer.ts";
import { databaseContent } from "../../../support/database-bytes.ts";
import { refusals, types } from "../../../support/hostile-opener.ts";

describe("frames that are no frames", () => {
  const bad: [string, Uint8Array, (string | null)[]][] = [
    ["garbage", Uint8Array.of(1, 2, 3), ["FRAME_INVALID", "cbor"]],
    ["nothing", new Uint8Array(), ["FRAME_INVALID", "cbor"]],
    ["another version", encodeCbor({ v: 2, type: "hello" }), ["VERSION_UNSUPPORTED", null]],
    ["an answer", encodeFrame({ type: "ack", envelopeIds: [new Uint8Array(32)] }), ["FRAME_INVALID", "type"]],
    [
      "a second hello",
      encodeFrame({ type: "hello", incarnation: new Uint8Array(16), stored: [] }),
      ["FRAME_INVALID", "hello"],
    ],
    ["deep nesting", new Uint8Array(60_000).fill(0x81), ["FRAME_INVALID", "cbor"]],
    ["more than a frame may have", new Uint8Array(LIMITS.frameMaxBytes + 1), ["FRAME_TOO_LARGE", null]],
  ];
  test.each(bad)("ends the lane after %s", async (_, bytes, refusal) => {
    const { bob, opener } = await attacked();
    expect(refusals(await opener.exchange(bytes))).toEqual([refusal]);
    expect(opener.ended).toBe(true);
    await opener.openLane();
    expect(types(await opener.openSession())).toEqual(["opened"]);
    expect(bob.failures).toEqual([]);
  });

  test.each(bad)("ends the lane after %s that comes with a message, which is stored", async (_, bytes, refusal) => {
    const at = await attacked();
    await at.opener.openSession();
    const message = await at.opener.frameOf(sealEnvelope(at.opener.envelope(), at.mallory.deviceKey));
    const unread = await at.opener.frameOf(sealEnvelope(at.opener.envelope(), at.mallory.deviceKey));
    const answers = await at.opener.exchange(message, bytes, unread);
    expect(types(answers)).toEqual(["ack", "refuse"]);
    expect(refusals(answers)).toEqual([refusal]);
    expect(at.opener.ended).toBe(true);
    expect(at.bob.inbox()).toEqual(["message 1"]);
  });

  test("refuses everything before hello", async () => {
    const { opener } = await attacked();
    await opener.openLane({ greet: false });
    expect(refusals(await opener.openSession())).toEqual([["FRAME_INVALID", "hello"]]);
    expect(opener.ended).toBe(true);
  });

  test("answers a message of an unknown session with a reset", async () => {
    const at = await attacked();
    await at.opener.makeWelcome();
    const frame = await at.opener.frameOf(sealEnvelope(at.opener.envelope(), at.mallory.deviceKey));
    const before = databaseContent(at.world.databaseOf(at.bob.person));
    expect(types(await at.opener.exchange(frame, frame))).toEqual(["reset", "reset"]);
    expect(databaseContent(at.world.databaseOf(at.bob.person))).toBe(before);
  });
});
