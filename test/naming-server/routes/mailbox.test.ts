import { describe, expect, test } from "vitest";
import { encodeBase64url } from "../../../shared/base64url.ts";
import { signJws } from "../../../shared/jws.ts";
import { JOSE_MEDIA_TYPE, JWS_TYPES } from "../../../shared/protocol.ts";
import { call, putRecord, refusal, type TestServer } from "../../support/naming-server.ts";
import {
  addressRecordOf,
  mailboxPayloadOf,
  mailboxRecordOf,
  NOW_SECONDS,
  type Person,
  personOf,
  recordOf,
  recordTextOf,
} from "../../support/people.ts";
import { alice, bob, startWithTwo } from "../../support/two-devices.ts";

const WEEKS_5 = 35 * 24 * 3600;

function publish(server: TestServer, token: string | undefined, body: string, device: string = bob.device) {
  return call(server, "PUT", `/v1/devices/${device}/mailbox`, { token, type: JOSE_MEDIA_TYPE, body });
}

async function start() {
  const { server, aliceToken, bobToken } = await startWithTwo();
  const look = (headers = {}) => call(server, "GET", "/v1/names/bob", { token: aliceToken, headers });
  const shown = async () => ((await look()).json as { mailboxes: unknown }).mailboxes;
  return { server, aliceToken, bobToken, look, shown };
}

describe("a mailbox record", () => {
  test("is shown with the name until the device withdraws it", async () => {
    const { server, bobToken, shown } = await start();
    expect(await shown()).toEqual([]);
    const record = await mailboxRecordOf(bob);
    const published = await publish(server, bobToken, record);
    expect([published.status, published.text]).toEqual([204, ""]);
    expect(await shown()).toEqual([{ device: bob.device, record }]);
    expect((await publish(server, bobToken, await mailboxRecordOf(bob, { seq: 2, boxes: [] }))).status).toBe(204);
    expect(await shown()).toEqual([]);
  });

  test("says nothing of who is online", async () => {
    const { server, aliceToken, bobToken } = await start();
    await publish(server, bobToken, await mailboxRecordOf(bob));
    const { json } = await call(server, "GET", "/v1/presence", { token: aliceToken });
    expect(json).toEqual({ online: [], at: NOW_SECONDS });
  });

  test("is shown for as long as it lives, whatever was answered before", async () => {
    const { server, bobToken, look, shown } = await start();
    const bare = (await look()).headers.get("etag");
    await publish(server, bobToken, await mailboxRecordOf(bob, { exp: NOW_SECONDS + 60 }));
    const etag = (await look()).headers.get("etag") ?? "";
    expect(etag).not.toBe(bare);
    expect((await look({ "if-none-match": etag })).status).toBe(304);
    server.clock.nowMs += 60_000;
    expect((await look({ "if-none-match": etag })).headers.get("etag")).toBe(bare);
    expect(await shown()).toEqual([]);
  });

  test("and an address record may come and go without each other", async () => {
    const { server, bobToken, look } = await start();
    const type = JOSE_MEDIA_TYPE;
    const path = `/v1/devices/${bob.device}/addresses`;
    const record = await mailboxRecordOf(bob);
    await publish(server, bobToken, record);
    await call(server, "PUT", path, { token: bobToken, type, body: await addressRecordOf(bob) });
    expect((await look()).json).toMatchObject({ addresses: [{ device: bob.device }], mailboxes: [{ record }] });
    await call(server, "DELETE", path, { token: bobToken });
    expect((await look()).json).toMatchObject({ addresses: [], mailboxes: [{ record }] });
  });

  test("rises in sequence, and the same bytes may come again", async () => {
    const { server, bobToken, shown } = await start();
    const second = await mailboxRecordOf(bob, { seq: 2 });
    for (const body of [second, second]) expect((await publish(server, bobToken, body)).status).toBe(204);
    for (const facts of [{ seq: 1 }, { seq: 2, exp: NOW_SECONDS + 9 }, { seq: 1, boxes: [] }]) {
      const older = await publish(server, bobToken, await mailboxRecordOf(bob, facts));
      expect(refusal(older)).toEqual({ status: 412, code: "RECORD_CONFLICT" });
    }
    expect(await shown()).toEqual([{ device: bob.device, record: second }]);
  });

  test("goes with its device", async () => {
    const { server, aliceToken, bobToken, shown } = await start();
    await publish(server, bobToken, await mailboxRecordOf(bob));
    const newBob = personOf("bob", { device: "bob new device" });
    await putRecord(server, "bob", await recordTextOf(newBob, { previous: await recordOf(bob) }));
    expect(await shown()).toEqual([]);
    const answer = await publish(server, bobToken, await mailboxRecordOf(bob, { seq: 2 }));
    expect(refusal(answer)).toEqual({ status: 401, code: "TOKEN_INVALID", reason: "device" });
    expect((await call(server, "GET", "/v1/names/bob", { token: aliceToken })).json).toMatchObject({ mailboxes: [] });
  });

  const box = { relay: "/ip4/192.0.2.9/tcp/4001", box: encodeBase64url(new Uint8Array(32)) };
  test.each([
    ["that lives longer than five weeks", bob, { exp: NOW_SECONDS + WEEKS_5 + 31 }, "RECORD_INVALID", "lifetime"],
    ["that has expired", bob, { exp: NOW_SECONDS - 31 }, "RECORD_EXPIRED", undefined],
    ["of another device", alice, {}, "RECORD_INVALID", "device"],
    ["under another name", personOf("alice", { device: "bob device" }), {}, "RECORD_INVALID", "name"],
    ["with a box at no relay", bob, { boxes: [box] }, "RECORD_INVALID", "address"],
    ["with three boxes", bob, { boxes: [box, box, box] }, "RECORD_INVALID", "payload"],
  ] satisfies [string, Person, Parameters<typeof mailboxRecordOf>[1], string, string | undefined][])(
    "%s is refused and changes nothing",
    async (_what, signer, facts, code, reason) => {
      const { server, bobToken, shown } = await start();
      const answer = await publish(server, bobToken, await mailboxRecordOf(signer, facts));
      expect(refusal(answer)).toEqual({ status: 400, code, ...(reason && { reason }) });
      expect(await shown()).toEqual([]);
    },
  );

  test.each([
    ["a member that grants more", { admin: true }, "payload"],
    ["another version", { v: 2 }, "payload"],
    ["more than 4 KiB", { name: "b".repeat(1500) }, "size"],
  ])("with %s is refused and changes nothing", async (_what, change, reason) => {
    const { server, bobToken, shown } = await start();
    const payload = { v: 1, ...mailboxPayloadOf(bob), ...change };
    const body = await signJws(payload, { typ: JWS_TYPES.mailboxRecord, key: bob.deviceKey });
    expect(refusal(await publish(server, bobToken, body))).toEqual({ status: 400, code: "RECORD_INVALID", reason });
    expect(await shown()).toEqual([]);
  });

  test("in another spelling, or signed by another key, is refused and changes nothing", async () => {
    const { server, bobToken, shown } = await start();
    const record = await mailboxRecordOf(bob);
    for (const body of [`${record}=`, ` ${record}`, `${record}\n`]) {
      expect(refusal(await publish(server, bobToken, body))).toMatchObject({ status: 400, code: "RECORD_INVALID" });
    }
    const forged = await mailboxRecordOf({ ...bob, deviceKey: alice.deviceKey });
    expect(refusal(await publish(server, bobToken, forged))).toEqual({ status: 401, code: "SIGNATURE_INVALID" });
    expect(await shown()).toEqual([]);
  });

  test("is for nobody else to publish, and whether there is such a device not to be learnt", async () => {
    const { server, aliceToken, bobToken, shown } = await start();
    const record = await mailboxRecordOf(bob);
    await publish(server, bobToken, record);
    const bodies = new Set<string>();
    for (const device of [bob.device, personOf("nobody-yet").device, "x", "%00"]) {
      for (const body of [await mailboxRecordOf(bob, { seq: 2 }), await mailboxRecordOf(alice), "garbage"]) {
        const answer = await publish(server, aliceToken, body, device);
        expect(answer.status).toBe(403);
        bodies.add(answer.text);
      }
    }
    expect(bodies.size).toBe(1);
    expect(refusal(await publish(server, undefined, record))).toEqual({ status: 401, code: "TOKEN_MISSING" });
    expect(await shown()).toEqual([{ device: bob.device, record }]);
  });
});
