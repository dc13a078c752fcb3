import { describe, expect, test } from "vitest";
import { encodeBase64url } from "../../../shared/base64url.ts";
import { expectError } from "../../support/expect-error.ts";
import { startNamingClient as start } from "../../support/naming-client.ts";
import {
  addressRecordOf,
  mailboxRecordOf,
  NOW_SECONDS,
  personOf,
  recordOf,
  recordTextOf,
} from "../../support/people.ts";
import { json, problem, type ScriptedAnswer } from "../../support/scripted-server.ts";

const alice = personOf("alice");
const bob = personOf("bob");
const record = await recordTextOf(bob);

describe("publishing", () => {
  test("puts a record without a token, and checks what was stored", async () => {
    const { hash } = await recordOf(bob);
    await using it = await start(() => json({ name: "bob", seq: 1, hash }, 201), { credentials: undefined });
    await it.client.putRecord(bob.username, record);
    expect(it.server.requests).toHaveLength(1);
    expect(it.server.requests[0]).toMatchObject({ method: "PUT", path: "/v1/names/bob" });
    expect(it.server.requests[0]?.headers).toMatchObject({ "content-type": "application/jose" });
    expect(it.server.requests[0]?.body.toString()).toBe(record);
    await expectError(it.client.putRecord(bob.username, `${record}A`), "SERVER_ERROR", "record");
  });

  test.each(["USERNAME_TAKEN", "USERNAME_CONFUSABLE", "KEY_IN_USE"])("hands %s on", async (code) => {
    await using it = await start(() => problem(409, code));
    await expectError(it.client.putRecord(bob.username, record), code as "USERNAME_TAKEN");
  });

  test("learns time and URL from a refused record, for whoever signs it again", async () => {
    const refusals = [
      problem(401, "CLOCK_SKEW", { serverTime: NOW_SECONDS + 7000 }),
      problem(400, "RECORD_INVALID", { reason: "aud", expectedAudience: "https://names.example.org" }),
    ];
    await using it = await start(() => refusals.shift() ?? "reset");
    await expectError(it.client.putRecord(bob.username, record), "CLOCK_SKEW");
    expect(it.clock.offsetMs).toBe(7_000_000);
    await expectError(it.client.putRecord(bob.username, record), "RECORD_INVALID", "aud");
    expect(it.client.audience).toBe("https://names.example.org");
  });

  test("puts and withdraws this device's addresses", async () => {
    await using it = await start(() => ({ status: 204 }));
    const address = await addressRecordOf(alice);
    await it.client.publishAddresses(address);
    await it.client.withdrawAddresses();
    const path = `/v1/devices/${alice.device}/addresses`;
    expect(it.seen()).toMatchObject([
      { method: "PUT", path, headers: { "content-type": "application/jose" } },
      { method: "DELETE", path },
    ]);
    expect(it.seen()[0]?.body.toString()).toBe(address);
  });

  test("puts this device's mailbox record, and hands the refusal of an old one on", async () => {
    const answers: ScriptedAnswer[] = [{ status: 204 }, problem(412, "RECORD_CONFLICT")];
    await using it = await start(() => answers.shift() ?? "reset");
    const mailbox = await mailboxRecordOf(alice);
    await it.client.publishMailbox(mailbox);
    await expectError(it.client.publishMailbox(mailbox), "RECORD_CONFLICT");
    const [put] = it.seen();
    expect(put).toMatchObject({ method: "PUT", path: `/v1/devices/${alice.device}/mailbox` });
    expect(put?.headers).toMatchObject({ "content-type": "application/jose", authorization: "Bearer token-1" });
    expect(put?.body.toString()).toBe(mailbox);
  });

  test("uploads key packages and learns how many are left", async () => {
    await using it = await start(() => json({ count: 2, lastResort: true }));
    const keyPackages = [Uint8Array.of(1), Uint8Array.of(2)];
    expect(await it.client.uploadKeyPackages({ keyPackages, lastResort: Uint8Array.of(3) })).toEqual({
      count: 2,
      lastResort: true,
    });
    await it.client.uploadKeyPackages({ keyPackages: [] });
    const bodies = it.seen().map(({ body }) => JSON.parse(body.toString()) as unknown);
    expect(bodies).toEqual([{ keyPackages: ["AQ", "Ag"], lastResort: "Aw" }, { keyPackages: [] }]);
  });

  test("claims one key package for each device", async () => {
    const claimed = { device: bob.device, keyPackage: encodeBase64url(Uint8Array.of(9, 8)), lastResort: false };
    await using it = await start(() => json({ keyPackages: [claimed] }));
    expect(await it.client.claimKeyPackages(bob.username)).toEqual([{ ...claimed, keyPackage: Uint8Array.of(9, 8) }]);
    expect(it.seen()[0]).toMatchObject({ method: "POST", path: "/v1/names/bob/key-packages/claim" });
  });

  test.each([
    ["two for one device", ["AQ", "Ag"]],
    ["one that is no base64url", ["AQ=="]],
    ["one that is too large", ["A".repeat(11_000)]],
  ])("refuses key packages with %s", async (_, keyPackages) => {
    const claimed = keyPackages.map((keyPackage) => ({ device: bob.device, keyPackage, lastResort: false }));
    await using it = await start(() => json({ keyPackages: claimed }));
    await expectError(it.client.claimKeyPackages(bob.username), "SERVER_ERROR", "body");
  });

  test("lists who is online", async () => {
    await using it = await start(() => json({ online: [{ name: "bob", devices: [bob.device] }], at: NOW_SECONDS }));
    expect(await it.client.online()).toEqual([{ username: "bob", devices: [bob.device] }]);
  });
});
