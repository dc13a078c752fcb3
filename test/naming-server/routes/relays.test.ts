import { describe, expect, test } from "vitest";
import { RATE_LIMITS } from "../../../naming-server/limits.ts";
import { relaysSchema } from "../../../shared/api.ts";
import { signJws } from "../../../shared/jws.ts";
import { JOSE_MEDIA_TYPE, JWS_TYPES, LIMITS } from "../../../shared/protocol.ts";
import { call, type Options, PLENTY, refusal, register, signIn, startTestServer } from "../../support/naming-server.ts";
import {
  addressRecordOf,
  NOW_SECONDS,
  personOf,
  type Relay,
  relayDescriptorOf,
  relayOf,
  relayPayloadOf,
} from "../../support/people.ts";

const one = relayOf("one");
const two = relayOf("two");

async function start(options: Options = {}) {
  const server = await startTestServer({ ...PLENTY, ...options });
  const mallory = personOf("mallory");
  await register(server, mallory);
  const token = await signIn(server, mallory);
  const list = (headers = {}) => call(server, "GET", "/v1/relays", { token, headers });
  return {
    server,
    list,
    put: (relay: Pick<Relay, "id">, body: string) =>
      call(server, "PUT", `/v1/relays/${relay.id}`, { type: JOSE_MEDIA_TYPE, body }),
    listed: async () => relaysSchema.parse((await list()).json).relays,
  };
}

describe("the list of relays", () => {
  test("holds who offers itself, without a token or a name, until it withdraws", async () => {
    const { put, listed } = await start();
    expect(await listed()).toEqual([]);
    const record = await relayDescriptorOf(one);
    const answer = await put(one, record);
    expect([answer.status, answer.json]).toEqual([200, { relay: one.id, seq: 1, exp: NOW_SECONDS + 1800 }]);
    expect(await listed()).toEqual([record]);
    expect((await put(one, await relayDescriptorOf(one, { seq: 2, addrs: [] }))).status).toBe(200);
    expect(await listed()).toEqual([]);
  });

  test("is shown to those with a token only", async () => {
    const { server } = await start();
    expect(refusal(await call(server, "GET", "/v1/relays"))).toEqual({ status: 401, code: "TOKEN_MISSING" });
  });

  test("is not sent again to whoever has it", async () => {
    const { put, list } = await start();
    const etag = (await list()).headers.get("etag") ?? "";
    expect((await list({ "if-none-match": etag })).status).toBe(304);
    await put(one, await relayDescriptorOf(one));
    const changed = await list({ "if-none-match": etag });
    expect(changed.status).toBe(200);
    expect(changed.headers.get("etag")).not.toBe(etag);
  });

  test("drops a relay when its descriptor expires", async () => {
    const { server, put, listed } = await start();
    await put(one, await relayDescriptorOf(one, { exp: NOW_SECONDS + 60 }));
    server.clock.nowMs += 60_000;
    expect(await listed()).toEqual([]);
  });

  test("rises in sequence, and the same bytes may come again", async () => {
    const { put, listed } = await start();
    const second = await relayDescriptorOf(one, { seq: 2 });
    for (const body of [second, second]) expect((await put(one, body)).status).toBe(200);
    for (const facts of [{ seq: 1 }, { seq: 2, operator: "somebody else" }, { seq: 1, addrs: [] }]) {
      const older = await put(one, await relayDescriptorOf(one, facts));
      expect(refusal(older)).toEqual({ status: 412, code: "RECORD_CONFLICT" });
    }
    expect(await listed()).toEqual([second]);
  });

  test("does not take an older descriptor back once a relay has withdrawn", async () => {
    const { put, listed } = await start();
    const first = await relayDescriptorOf(one);
    await put(one, first);
    await put(one, await relayDescriptorOf(one, { seq: 2, addrs: [], exp: NOW_SECONDS + 1 }));
    expect(refusal(await put(one, first))).toEqual({ status: 412, code: "RECORD_CONFLICT" });
    expect(await listed()).toEqual([]);
  });

  test.each([
    ["another server's", { aud: "https://elsewhere.example.org" }, "RECORD_INVALID", "aud"],
    ["one for longer than an hour", { exp: NOW_SECONDS + 3631 }, "RECORD_INVALID", "lifetime"],
    ["one that has expired", { exp: NOW_SECONDS - 31 }, "RECORD_EXPIRED", undefined],
    ["one with another's address", { addrs: [two.address] }, "RECORD_INVALID", "address"],
    ["one that is another's", { relay: two.id, addrs: [two.address] }, "SIGNATURE_INVALID", undefined],
  ] satisfies [string, Parameters<typeof relayDescriptorOf>[1], string, string | undefined][])(
    "takes no descriptor like %s",
    async (_what, facts, code, reason) => {
      const { put, listed } = await start();
      const answer = await put(one, await relayDescriptorOf(one, facts));
      const status = code === "SIGNATURE_INVALID" ? 401 : 400;
      expect(refusal(answer)).toEqual({ status, code, ...(reason && { reason }) });
      if (reason === "aud") expect(answer.json).toMatchObject({ expectedAudience: "https://names.example.org" });
      expect(await listed()).toEqual([]);
    },
  );

  const nearBy = (host: string) => `/ip${host.includes(":") ? 6 : 4}/${host}/tcp/4001/p2p/${one.id}`;

  test.each(["127.0.0.1", "192.168.1.9", "169.254.169.254", "0.0.0.0", "224.0.0.1", "::1", "fd00::1", "::ffff:a00:1"])(
    "takes no descriptor with an address such as %s, which is in its users' own networks",
    async (host) => {
      const { put, listed } = await start();
      const addrs = [one.address, nearBy(host)];
      const answer = await put(one, await relayDescriptorOf(one, { addrs }));
      expect(refusal(answer)).toEqual({ status: 400, code: "RECORD_INVALID", reason: "scope" });
      expect(await listed()).toEqual([]);
    },
  );

  test.each([
    "/dns4/relay.example.org/tcp/4001",
    "/ip4/198.51.100.7/tcp/0",
    "/ip4/198.51.100.7/udp/4001/quic-v1",
    "/ip4/198.51.100.7/tcp/4001/ws",
  ])("takes no descriptor with %s, which nobody dials", async (place) => {
    const { put, listed } = await start();
    const addrs = [one.address, `${place}/p2p/${one.id}`];
    const answer = await put(one, await relayDescriptorOf(one, { addrs }));
    expect(refusal(answer)).toEqual({ status: 400, code: "RECORD_INVALID", reason: "scope" });
    expect(await listed()).toEqual([]);
  });

  test("takes those addresses where it is there itself", async () => {
    for (const [publicUrl, hosts] of [
      ["http://127.0.0.1:8080", ["127.0.0.1", "192.168.1.9"]],
      ["http://192.168.1.5:8080", ["192.168.1.9"]],
    ] as const) {
      const server = await startTestServer({ ...PLENTY, publicUrl });
      const body = await relayDescriptorOf(one, { aud: publicUrl, addrs: hosts.map(nearBy) });
      const answer = await call(server, "PUT", `/v1/relays/${one.id}`, { type: JOSE_MEDIA_TYPE, body });
      expect(answer.status).toBe(200);
    }
  });

  test.each([
    ["a member that grants more", { trusted: true }, "payload"],
    ["an unknown role", { roles: ["admin"] }, "payload"],
    ["more than 4 KiB", { operator: "x".repeat(3200) }, "size"],
  ])("takes no descriptor with %s", async (_what, change, reason) => {
    const { put, listed } = await start();
    const signer = { typ: JWS_TYPES.relayDescriptor, key: one.key };
    const answer = await put(one, await signJws({ v: 1, ...relayPayloadOf(one), ...change }, signer));
    expect(refusal(answer)).toEqual({ status: 400, code: "RECORD_INVALID", reason });
    expect(await listed()).toEqual([]);
  });

  test("takes no relay under another's id, nor anything that is no descriptor", async () => {
    const { put, listed } = await start();
    const record = await relayDescriptorOf(one);
    for (const id of [two.id, "x", "%00", `${one.id}%20`]) {
      const answer = await put({ id } as Relay, record);
      expect(refusal(answer)).toEqual({ status: 400, code: "RECORD_INVALID", reason: "relay" });
    }
    const bob = personOf("bob");
    expect(refusal(await put({ id: bob.device }, await addressRecordOf(bob)))).toMatchObject({ reason: "typ" });
    for (const body of ["", "a.b.c", `${record}=`, ` ${record}`]) {
      expect(refusal(await put(one, body))).toMatchObject({ status: 400, code: "RECORD_INVALID" });
    }
    expect(await listed()).toEqual([]);
  });

  test("has room for 256, each of whom may renew", async () => {
    const { put, listed } = await start();
    const relays = Array.from({ length: LIMITS.relaysMax }, (_, index) => relayOf(`relay ${index}`));
    for (const relay of relays) expect((await put(relay, await relayDescriptorOf(relay))).status).toBe(200);
    const refused = await put(one, await relayDescriptorOf(one));
    expect(refusal(refused)).toEqual({ status: 409, code: "RELAYS_FULL" });
    const [first = one] = relays;
    expect((await put(first, await relayDescriptorOf(first, { seq: 2 }))).status).toBe(200);
    expect(await listed()).toHaveLength(LIMITS.relaysMax);
  });

  test("lists nobody where it is closed, not even who was listed before", async () => {
    const { server } = await start();
    const { databasePath } = server;
    await call(server, "PUT", `/v1/relays/${one.id}`, { type: JOSE_MEDIA_TYPE, body: await relayDescriptorOf(one) });
    await server.stop();
    const reopened = await startTestServer({ databasePath, relays: "closed", ...PLENTY });
    const token = await signIn(reopened, personOf("mallory"));
    const body = await relayDescriptorOf(one, { seq: 2 });
    const answer = await call(reopened, "PUT", `/v1/relays/${one.id}`, { type: JOSE_MEDIA_TYPE, body });
    expect(refusal(answer)).toEqual({ status: 403, code: "FORBIDDEN" });
    expect((await call(reopened, "GET", "/v1/relays", { token })).json).toEqual({ relays: [] });
  });

  test("lists only those whom the operator names", async () => {
    const { put, listed } = await start({ relays: new Set([two.id]) });
    expect(refusal(await put(one, await relayDescriptorOf(one)))).toEqual({ status: 403, code: "FORBIDDEN" });
    const record = await relayDescriptorOf(two);
    expect((await put(two, record)).status).toBe(200);
    expect(await listed()).toEqual([record]);
  });

  test("takes only so much from one network, whatever comes of it", async () => {
    const { put, listed } = await start({ rates: RATE_LIMITS });
    const { burst } = RATE_LIMITS.relay.network;
    for (let count = 0; count < burst; count += 1) await put(one, "garbage");
    const answer = await put(one, await relayDescriptorOf(one));
    expect(refusal(answer)).toEqual({ status: 429, code: "RATE_LIMITED" });
    expect(await listed()).toEqual([]);
  });

  test("leaves no trace of a relay in the logs", async () => {
    const { server, put } = await start();
    await put(one, await relayDescriptorOf(one));
    await put(one, await relayDescriptorOf(one, { seq: 1, operator: "again" }));
    const log = server.log.join("\n");
    expect(log).toContain("/v1/relays/:relay");
    for (const text of [one.id, one.address, "192.0.2.9", "relays@example.org"]) expect(log).not.toContain(text);
  });
});
