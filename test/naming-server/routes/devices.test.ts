import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { JOSE_MEDIA_TYPE } from "../../../shared/protocol.ts";
import { call, putRecord, refusal, register, signIn, type TestServer } from "../../support/naming-server.ts";
import { addressRecordOf, NOW_SECONDS, personOf, recordOf, recordTextOf } from "../../support/people.ts";
import { openSocket, readToEnd } from "../../support/raw-http.ts";
import { alice, bob, packages, startWithTwo, upload } from "../../support/two-devices.ts";

function publish(server: TestServer, token: string, record: string, device: string = bob.device) {
  return call(server, "PUT", `/v1/devices/${device}/addresses`, { token, type: JOSE_MEDIA_TYPE, body: record });
}

async function online(server: TestServer, token: string) {
  return (await call(server, "GET", "/v1/presence", { token })).json;
}

describe("addresses", () => {
  test("put a device online until they are withdrawn", async () => {
    const { server, aliceToken, bobToken } = await startWithTwo();
    expect(await online(server, aliceToken)).toEqual({ online: [], at: NOW_SECONDS });
    const published = await publish(server, bobToken, await addressRecordOf(bob));
    expect([published.status, published.text]).toEqual([204, ""]);
    expect(await online(server, aliceToken)).toEqual({
      online: [{ name: "bob", devices: [bob.device] }],
      at: NOW_SECONDS,
    });
    const withdrawn = await call(server, "DELETE", `/v1/devices/${bob.device}/addresses`, { token: bobToken });
    expect(withdrawn.status).toBe(204);
    expect(await online(server, aliceToken)).toEqual({ online: [], at: NOW_SECONDS });
    const looked = await call(server, "GET", "/v1/names/bob", { token: aliceToken });
    expect(looked.json).toMatchObject({ addresses: [] });
  });

  test("put a device offline when they expire", async () => {
    const { server, aliceToken, bobToken } = await startWithTwo();
    await publish(server, bobToken, await addressRecordOf(bob, { exp: NOW_SECONDS + 60 }));
    server.clock.nowMs += 60_000;
    expect(await online(server, aliceToken)).toMatchObject({ online: [] });
  });

  test("rise in sequence, and the same bytes may come again", async () => {
    const { server, aliceToken, bobToken } = await startWithTwo();
    const second = await addressRecordOf(bob, { seq: 2 });
    expect((await publish(server, bobToken, second)).status).toBe(204);
    expect((await publish(server, bobToken, second)).status).toBe(204);
    const older = await publish(server, bobToken, await addressRecordOf(bob, { seq: 1 }));
    expect(refusal(older)).toEqual({ status: 412, code: "RECORD_CONFLICT" });
    const looked = await call(server, "GET", "/v1/names/bob", { token: aliceToken });
    expect(looked.json).toMatchObject({ addresses: [{ device: bob.device, record: second }] });
  });

  test.each([
    ["that lives longer than an hour", bob, { exp: NOW_SECONDS + 3631 }, "RECORD_INVALID", "lifetime"],
    ["that has expired", bob, { exp: NOW_SECONDS - 31 }, "RECORD_EXPIRED", undefined],
    [
      "with another device's address",
      bob,
      { addrs: [`/ip4/192.0.2.1/tcp/1/p2p/${alice.device}`] },
      "RECORD_INVALID",
      "address",
    ],
    ["of another device", alice, {}, "RECORD_INVALID", "device"],
    ["under another name", personOf("alice", { device: "bob device" }), {}, "RECORD_INVALID", "name"],
    [
      "with nine addresses",
      bob,
      { addrs: Array.from({ length: 9 }, () => "/ip4/1.2.3.4/tcp/1") },
      "RECORD_INVALID",
      "payload",
    ],
  ] as const)("%s are refused and leave the device offline", async (_what, signer, facts, code, reason) => {
    const { server, aliceToken, bobToken } = await startWithTwo();
    const answer = await publish(server, bobToken, await addressRecordOf(signer, facts));
    expect(refusal(answer)).toEqual({ status: 400, code, ...(reason && { reason }) });
    expect(await online(server, aliceToken)).toMatchObject({ online: [] });
  });

  test.each([NOW_SECONDS + 3631, NOW_SECONDS - 31])(
    "that are out of time, until %d, are answered with the server's time",
    async (exp) => {
      const { server, bobToken } = await startWithTwo();
      const answer = await publish(server, bobToken, await addressRecordOf(bob, { exp }));
      expect(answer.json).toMatchObject({ serverTime: NOW_SECONDS });
    },
  );

  test("signed by another key are refused", async () => {
    const { server, aliceToken, bobToken } = await startWithTwo();
    const forged = await addressRecordOf({ ...bob, deviceKey: alice.deviceKey });
    expect(refusal(await publish(server, bobToken, forged))).toEqual({ status: 401, code: "SIGNATURE_INVALID" });
    expect(await online(server, aliceToken)).toMatchObject({ online: [] });
  });
});

describe("another's device", () => {
  test("cannot be told from one that does not exist, whatever one tries", async () => {
    const { server, aliceToken, bobToken } = await startWithTwo();
    await publish(server, bobToken, await addressRecordOf(bob));
    const unknown = personOf("nobody-yet").device;
    const record = await addressRecordOf(bob, { seq: 2 });
    const bodies = new Set<string>();
    for (const device of [bob.device, unknown, "x", "..%2f..", "%00", "12D3KooW"]) {
      const addresses = `/v1/devices/${device}/addresses`;
      const keyPackages = `/v1/devices/${device}/key-packages`;
      for (const answer of [
        await publish(server, aliceToken, record, device),
        await publish(server, aliceToken, "garbage", device),
        await call(server, "DELETE", addresses, { token: aliceToken }),
        await call(server, "POST", keyPackages, { token: aliceToken, type: "application/json", body: "{}" }),
        await call(server, "POST", keyPackages, { token: aliceToken }),
      ]) {
        expect(answer.status).toBe(403);
        bodies.add(answer.text);
      }
    }
    expect(bodies.size).toBe(1);
    expect(await online(server, aliceToken)).toMatchObject({ online: [{ name: "bob" }] });
  });

  test("needs a token to be asked about at all", async () => {
    const { server } = await startWithTwo();
    for (const [method, path] of [
      ["PUT", "addresses"],
      ["DELETE", "addresses"],
      ["POST", "key-packages"],
    ] as const) {
      const answer = await call(server, method, `/v1/devices/${bob.device}/${path}`);
      expect(refusal(answer)).toEqual({ status: 401, code: "TOKEN_MISSING" });
    }
  });
});

describe("a device that its name dropped", () => {
  const newBob = personOf("bob", { device: "bob new device" });

  test("finishes no request that it began before", async () => {
    const { server, aliceToken, bobToken } = await startWithTwo();
    await publish(server, bobToken, await addressRecordOf(bob));
    const body = await addressRecordOf(bob, { seq: 2 });
    const socket = await openSocket(server);
    socket.write(
      [
        `PUT /v1/devices/${bob.device}/addresses HTTP/1.1`,
        `Host: x\r\nAuthorization: Bearer ${bobToken}\r\nContent-Type: ${JOSE_MEDIA_TYPE}`,
        `Content-Length: ${body.length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`,
      ].join("\r\n"),
    );
    await once(socket, "readable");
    expect(String(socket.read())).toContain("100 Continue");
    await putRecord(server, "bob", await recordTextOf(newBob, { previous: await recordOf(bob) }));
    const answer = readToEnd(socket);
    socket.write(body);
    expect(await answer).toMatch(/^HTTP\/1\.1 403 /);
    expect(await online(server, aliceToken)).toMatchObject({ online: [] });
  });

  test("may be listed by another name, with nothing of the old one left", async () => {
    const { server, aliceToken, bobToken } = await startWithTwo();
    await upload(server, bobToken, { keyPackages: packages("bob's"), lastResort: packages("bob's last")[0] });
    await publish(server, bobToken, await addressRecordOf(bob, { seq: 9 }));
    await putRecord(server, "bob", await recordTextOf(newBob, { previous: await recordOf(bob) }));
    const carol = personOf("carol", { device: "bob device" });
    await register(server, carol);
    const claimed = await call(server, "POST", "/v1/names/carol/key-packages/claim", { token: aliceToken });
    expect(claimed.json).toEqual({ keyPackages: [] });
    expect(await online(server, aliceToken)).toMatchObject({ online: [] });
    expect(refusal(await publish(server, bobToken, await addressRecordOf(bob, { seq: 10 })))).toMatchObject({
      status: 401,
      reason: "device",
    });
    const carolToken = await signIn(server, carol);
    expect((await publish(server, carolToken, await addressRecordOf(carol))).status).toBe(204);
    expect(await online(server, aliceToken)).toMatchObject({ online: [{ name: "carol", devices: [bob.device] }] });
  });
});
