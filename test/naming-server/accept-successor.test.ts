import { describe, expect, test } from "vitest";
import { rawPublicKey } from "../../shared/ed25519.ts";
import { recoveryHash } from "../../shared/name-record.ts";
import { call, putRecord, refusal, signIn, startWatchedServer } from "../support/naming-server.ts";
import {
  addressRecordOf,
  chainOf,
  keyOf,
  NOW_SECONDS,
  personOf,
  recordOf,
  recordTextOf,
  rotate,
} from "../support/people.ts";

const bob = personOf("bob");
const mallory = personOf("mallory");

describe("updating a name", () => {
  async function startWithChain() {
    const watched = await startWatchedServer();
    const chain = await chainOf(bob, 3);
    await putRecord(watched.server, "bob", chain[0].jws.text);
    return { ...watched, chain };
  }

  test("takes the successor, again too, and lists both in its history", async () => {
    const { server, look, history, chain } = await startWithChain();
    const [first, second] = chain.map(({ jws }) => jws.text) as [string, string];
    expect((await putRecord(server, "bob", second)).status).toBe(200);
    expect((await putRecord(server, "bob", second)).status).toBe(200);
    expect((await look("bob")).json).toMatchObject({ record: second });
    expect((await history("bob")).json).toEqual({ name: "bob", records: [first, second], next: null });
    expect((await history("bob", "?after=1")).json).toEqual({ name: "bob", records: [second], next: null });
  });

  test("refuses a skipped sequence, an older record and another branch", async () => {
    const { server, look, chain } = await startWithChain();
    const [first, second, third] = chain.map(({ jws }) => jws.text) as [string, string, string];
    expect(refusal(await putRecord(server, "bob", third))).toEqual({ status: 412, code: "RECORD_CONFLICT" });
    await putRecord(server, "bob", second);
    expect(refusal(await putRecord(server, "bob", first))).toEqual({ status: 409, code: "USERNAME_TAKEN" });
    const branch = await recordTextOf(bob, { previous: chain[0], iat: NOW_SECONDS + 20 });
    expect(refusal(await putRecord(server, "bob", branch))).toEqual({ status: 412, code: "RECORD_CONFLICT" });
    expect((await look("bob")).json).toMatchObject({ record: second });
  });

  test("refuses a successor of nothing", async () => {
    const { server, look } = await startWatchedServer();
    const [, second] = await chainOf(bob, 2);
    expect(refusal(await putRecord(server, "bob", second?.jws.text ?? ""))).toMatchObject({ status: 412 });
    expect((await look("bob")).status).toBe(404);
  });

  test("lets one of two updates through that carry the same If-Match", async () => {
    const { server, look, chain } = await startWithChain();
    const etag = (await look("bob")).headers.get("etag") ?? "";
    const rivals = await Promise.all(
      [1, 2].map((n) => recordTextOf(bob, { previous: chain[0], iat: NOW_SECONDS + n })),
    );
    const answers = await Promise.all(rivals.map((text) => putRecord(server, "bob", text, { "if-match": etag })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
  });

  test("refuses an If-Match of another record", async () => {
    const { server, look, chain } = await startWithChain();
    const [, second] = chain.map(({ jws }) => jws.text);
    const stale = { "if-match": `"${chain[1]?.hash}"` };
    expect(refusal(await putRecord(server, "bob", second ?? "", stale))).toMatchObject({ code: "RECORD_CONFLICT" });
    expect((await look("bob")).json).toMatchObject({ record: chain[0].jws.text });
    expect((await putRecord(server, "bob", second ?? "", { "if-match": `"${chain[0].hash}"` })).status).toBe(200);
  });

  test("rotates the identity key when the old key or the recovery key signs, and for nobody else", async () => {
    const { server, look } = await startWatchedServer();
    const recoveryKey = keyOf("bob recovery");
    const first = await recordOf(bob, { recovery: recoveryHash(rawPublicKey(recoveryKey)) });
    await putRecord(server, "bob", first.jws.text);
    const next = personOf("bob", { identity: "bob next identity" });
    const stolen = await recordTextOf(next, {
      previous: first,
      rotation: { signer: next.identityKey, isRecoveryKey: false },
    });
    expect(refusal(await putRecord(server, "bob", stolen))).toEqual({ status: 401, code: "SIGNATURE_INVALID" });
    const wrongRecovery = { signer: mallory.identityKey, isRecoveryKey: true };
    const usurped = await recordTextOf(next, { previous: first, rotation: wrongRecovery });
    expect(refusal(await putRecord(server, "bob", usurped))).toMatchObject({ status: 400, reason: "recovery" });
    expect((await look("bob")).json).toMatchObject({ record: first.jws.text });
    const second = await rotate(bob, first, next);
    expect((await putRecord(server, "bob", second.jws.text)).status).toBe(200);
    const last = personOf("bob", { identity: "bob last identity" });
    const third = await recordTextOf(last, {
      previous: second,
      rotation: { signer: next.identityKey, isRecoveryKey: false },
    });
    expect((await putRecord(server, "bob", third)).status).toBe(200);
  });

  test("lets the recovery key hand the name over", async () => {
    const { server } = await startWatchedServer();
    const recoveryKey = keyOf("bob recovery");
    const first = await recordOf(bob, { recovery: recoveryHash(rawPublicKey(recoveryKey)) });
    await putRecord(server, "bob", first.jws.text);
    const next = personOf("bob", { identity: "bob next identity" });
    const recovered = await recordTextOf(next, {
      previous: first,
      rotation: { signer: recoveryKey, isRecoveryKey: true },
    });
    expect((await putRecord(server, "bob", recovered)).status).toBe(200);
  });

  test("ends what a dropped device had: its token, its addresses, its key packages", async () => {
    const { server, look } = await startWatchedServer();
    const first = await recordOf(bob);
    await putRecord(server, "bob", first.jws.text);
    const token = await signIn(server, bob);
    await call(server, "PUT", `/v1/devices/${bob.device}/addresses`, {
      token,
      type: "application/jose",
      body: await addressRecordOf(bob),
    });
    expect((await look("bob")).json).toMatchObject({ addresses: [{ device: bob.device }] });
    const moved = personOf("bob", { device: "bob new device" });
    expect((await putRecord(server, "bob", await recordTextOf(moved, { previous: first }))).status).toBe(200);
    expect((await look("bob")).json).toMatchObject({ addresses: [] });
    const refused = await call(server, "GET", "/v1/names/bob", { token });
    expect(refusal(refused)).toEqual({ status: 401, code: "TOKEN_INVALID", reason: "device" });
  });
});
