import { describe, expect, test } from "vitest";
import { claimSchema, keyPackageCountSchema } from "../../../shared/api.ts";
import { encodeBase64url } from "../../../shared/base64url.ts";
import { call, PLENTY, refusal, signIn, startTestServer, type TestServer } from "../../support/naming-server.ts";
import { alice, bob, packages, startWithTwo, upload } from "../../support/two-devices.ts";

describe("key packages", () => {
  test("go to one claimer each, whichever of two instances is asked while more are uploaded", async () => {
    const { server, aliceToken, bobToken } = await startWithTwo(PLENTY);
    const second = await startTestServer({ ...PLENTY, databasePath: server.databasePath, clock: server.clock });
    const claim = async (instance: TestServer) => {
      const answer = await call(instance, "POST", "/v1/names/bob/key-packages/claim", { token: aliceToken });
      return claimSchema.parse(answer.json).keyPackages.map(({ keyPackage }) => Buffer.from(keyPackage).toString());
    };
    const rounds = Array.from({ length: 20 }, async (_, round) => {
      await upload(round % 2 === 0 ? server : second, bobToken, { keyPackages: packages(`${round} a`, `${round} b`) });
      return Promise.all([claim(server), claim(second)]);
    });
    const claimed = (await Promise.all(rounds)).flat(2);
    expect(new Set(claimed).size).toBe(claimed.length);
    const { count } = keyPackageCountSchema.parse((await upload(server, bobToken, { keyPackages: [] })).json);
    expect(claimed.length + count).toBe(40);
  });

  test("are handed out once each, then the last resort", async () => {
    const { server, aliceToken, bobToken } = await startWithTwo();
    const uploaded = await upload(server, bobToken, {
      keyPackages: packages("one", "two"),
      lastResort: packages("last")[0],
    });
    expect([uploaded.status, keyPackageCountSchema.parse(uploaded.json)]).toEqual([
      200,
      { count: 2, lastResort: true },
    ]);
    const claim = async () => {
      const answer = await call(server, "POST", "/v1/names/bob/key-packages/claim", { token: aliceToken });
      return claimSchema.parse(answer.json).keyPackages.map(({ device, keyPackage, lastResort }) => ({
        device,
        text: Buffer.from(keyPackage).toString(),
        lastResort,
      }));
    };
    const { device } = bob;
    expect(await claim()).toEqual([{ device, text: "one", lastResort: false }]);
    expect(await claim()).toEqual([{ device, text: "two", lastResort: false }]);
    expect(await claim()).toEqual([{ device, text: "last", lastResort: true }]);
    expect((await upload(server, bobToken, { keyPackages: [] })).json).toEqual({ count: 0, lastResort: true });
  });

  test("of a device that has none are an empty list, and of an unknown or reserved name the usual answer", async () => {
    const { server, aliceToken } = await startWithTwo();
    const claim = (name: string) => call(server, "POST", `/v1/names/${name}/key-packages/claim`, { token: aliceToken });
    expect((await claim("bob")).json).toEqual({ keyPackages: [] });
    const [unknown, reserved] = [await claim("carol"), await claim("admin")];
    expect(refusal(unknown)).toEqual({ status: 404, code: "NAME_UNKNOWN" });
    expect(reserved.text).toBe(unknown.text);
  });

  test("beyond fifty are refused, and none of them kept", async () => {
    const { server, bobToken } = await startWithTwo();
    const texts = Array.from({ length: 50 }, (_, index) => `package ${index}`);
    expect((await upload(server, bobToken, { keyPackages: packages(...texts) })).json).toMatchObject({ count: 50 });
    const full = await upload(server, bobToken, { keyPackages: packages("one more"), lastResort: packages("last")[0] });
    expect(refusal(full)).toEqual({ status: 409, code: "KEY_PACKAGES_FULL" });
    expect((await upload(server, bobToken, { keyPackages: [] })).json).toEqual({ count: 50, lastResort: false });
  });

  test.each([
    ["an unknown member", { keyPackages: [], owner: "alice" }],
    ["no list", {}],
    ["text that is not base64url", { keyPackages: ["a b"] }],
    ["an empty package", { keyPackages: [""] }],
    ["a package that is too large", { keyPackages: ["A".repeat(11_000)] }],
    ["fifty-one packages", { keyPackages: Array.from({ length: 51 }, () => "AAAA") }],
  ])("with %s are refused", async (_what, body) => {
    const { server, bobToken } = await startWithTwo();
    expect(refusal(await upload(server, bobToken, body))).toEqual({ status: 400, code: "REQUEST_INVALID" });
    expect((await upload(server, bobToken, { keyPackages: [] })).json).toEqual({ count: 0, lastResort: false });
  });
});

describe("key packages of a name that one caller claims again and again", () => {
  test("run out for that caller alone, who gets the last resort from then on", async () => {
    const { server, aliceToken, bobToken } = await startWithTwo();
    const path = `/v1/devices/${bob.device}/key-packages`;
    const packages = Array.from({ length: 20 }, (_, index) => encodeBase64url(Buffer.of(index + 1)));
    const upload = (body: object) =>
      call(server, "POST", path, { token: bobToken, type: "application/json", body: JSON.stringify(body) });
    const claim = async (token: string) => {
      const answer = await call(server, "POST", "/v1/names/bob/key-packages/claim", { token });
      if (answer.status !== 200) return { ...refusal(answer), retryAfter: answer.headers.get("retry-after") };
      return claimSchema.parse(answer.json).keyPackages.map(({ lastResort }) => lastResort);
    };
    await upload({ keyPackages: packages });
    for (let index = 0; index < 6; index += 1) expect(await claim(aliceToken)).toEqual([false]);
    expect(await claim(aliceToken)).toEqual({ status: 429, code: "RATE_LIMITED", retryAfter: "600" });
    await upload({ keyPackages: [], lastResort: encodeBase64url(Buffer.of(99)) });
    expect(await claim(aliceToken)).toEqual([true]);
    expect(await claim(bobToken)).toEqual([false]);
    server.clock.nowMs += 600_000;
    expect(await claim(await signIn(server, alice))).toEqual([false]);
    expect(keyPackageCountSchema.parse((await upload({ keyPackages: [] })).json)).toEqual({
      count: 12,
      lastResort: true,
    });
  });
});
