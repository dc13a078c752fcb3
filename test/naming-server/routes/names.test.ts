import { describe, expect, test } from "vitest";
import {
  call,
  PLENTY,
  putRecord,
  refusal,
  register,
  signIn,
  startTestServer,
  startWatchedServer,
  type TestServer,
} from "../../support/naming-server.ts";
import { addressRecordOf, chainOf, NOW_MS, NOW_SECONDS, personOf } from "../../support/people.ts";

const bob = personOf("bob");

describe("looking a name up", () => {
  test("answers alike for unknown and reserved names", async () => {
    const { look, history } = await startWatchedServer();
    const unknown = await look("nobody-here");
    const reserved = await look("admin");
    expect(refusal(unknown)).toEqual({ status: 404, code: "NAME_UNKNOWN" });
    expect([reserved.status, reserved.text]).toEqual([unknown.status, unknown.text]);
    expect((await history("admin")).text).toBe(unknown.text);
    expect((await history("nobody-here")).text).toBe(unknown.text);
  });

  test("answers 304 to a reader who has the answer already, until the record or its addresses change", async () => {
    const { server, look } = await startWatchedServer();
    await register(server, bob);
    const etag = (await look("bob")).headers.get("etag") ?? "";
    const unchanged = await look("bob", { "if-none-match": `"other", W/${etag}` });
    expect([unchanged.status, unchanged.text, unchanged.headers.get("etag")]).toEqual([304, "", etag]);
    const token = await signIn(server, bob);
    const body = await addressRecordOf(bob, { exp: NOW_SECONDS + 5 });
    await call(server, "PUT", `/v1/devices/${bob.device}/addresses`, { token, type: "application/jose", body });
    const changed = await look("bob", { "if-none-match": etag });
    expect(changed.status).toBe(200);
    expect(changed.json).toMatchObject({ addresses: [{ device: bob.device, record: body }] });
    server.clock.nowMs = NOW_MS + 5_000;
    expect((await look("bob")).json).toMatchObject({ addresses: [] });
  });

  test("gives no body to HEAD", async () => {
    const server = await startTestServer();
    await register(server, bob);
    const answer = await call(server, "HEAD", "/v1/names/bob", { token: await signIn(server, bob) });
    expect([answer.status, answer.text]).toEqual([200, ""]);
    expect(Number(answer.headers.get("content-length"))).toBeGreaterThan(100);
  });

  test("pages through a long history", async () => {
    const { server, history } = await startWatchedServer(PLENTY);
    const chain = await chainOf(bob, 52);
    server.clock.nowMs += 60_000;
    for (const { jws } of chain) await putRecord(server, "bob", jws.text);
    const first = (await history("bob")).json as { records: string[]; next: number };
    const second = (await history("bob", `?after=${first.next}`)).json as { records: string[]; next: null };
    expect([first.records.length, first.next, second.records.length, second.next]).toEqual([50, 50, 2, null]);
    expect([...first.records, ...second.records]).toEqual(chain.map(({ jws }) => jws.text));
  });

  test.each(["-1", "1.5", "x", "1e3", "", "99999999999999999999"])("refuses a history after %j", async (after) => {
    const { history } = await startWatchedServer();
    expect(refusal(await history("mallory", `?after=${after}`))).toEqual({ status: 400, code: "REQUEST_INVALID" });
  });

  test("shows a second server on the same database what the first one wrote", async () => {
    const first = await startTestServer();
    const second: TestServer = await startTestServer({ databasePath: first.databasePath, clock: first.clock });
    const chain = await chainOf(bob, 2);
    await putRecord(first, "bob", chain[0].jws.text);
    const token = await signIn(second, bob);
    await putRecord(first, "bob", chain[1]?.jws.text ?? "");
    first.clock.nowMs += 1_000;
    const seen = await call(second, "GET", "/v1/names/bob", { token });
    expect(seen.json).toMatchObject({ record: chain[1]?.jws.text });
  });
});
