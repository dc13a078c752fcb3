import { base58btc } from "multiformats/bases/base58";
import { describe, expect, test } from "vitest";
import { nameAcceptedSchema } from "../../shared/api.ts";
import { encodeBase64url } from "../../shared/base64url.ts";
import { signJws } from "../../shared/jws.ts";
import { JWS_TYPES, LIMITS } from "../../shared/protocol.ts";
import { raiseS, SMALL_ORDER_OR_NOT_CANONICAL } from "../support/forged-ed25519.ts";
import { forge } from "../support/forged-jws.ts";
import { putRecord, refusal, register, startWatchedServer } from "../support/naming-server.ts";
import { NOW_SECONDS, personOf, recordOf, recordTextOf } from "../support/people.ts";

const bob = personOf("bob");
const mallory = personOf("mallory");

const NAMES_REFUSED = [
  ...["admin", "www", "p2pchat"].map((name) => [name, "USERNAME_RESERVED"] as const),
  ...["ab", "a".repeat(33), "Alice", "ALICE", "-alice", "alice-", "al--ice", "xn--alice", "al.ice", "al_ice", "al ice"]
    // Cyrillic a, right-to-left override, zero-width space, Kelvin sign, ligature, dotted capital I, NFD and NFC
    .concat(
      "\u0430lice",
      "alice\u202e",
      "al\u200bice",
      "\u212aate",
      "o\ufb00ice",
      "\u0130van",
      "ame\u0301lie",
      "am\u00e9lie",
    )
    .concat("a'--", '";drop', "%", "a\0b", "a\r\nb", "../etc", "../../healthz")
    .map((name) => [name, "USERNAME_INVALID"] as const),
];

describe("registering a name", () => {
  test("answers 201 with what was stored, and 200 to the very same bytes, whatever the clock says by then", async () => {
    const { server, look } = await startWatchedServer();
    const record = await recordOf(bob);
    const first = await putRecord(server, "bob", record.jws.text);
    expect(first.status).toBe(201);
    expect(nameAcceptedSchema.parse(first.json)).toMatchObject({ name: "bob", seq: 1, hash: record.hash });
    server.clock.nowMs += 400_000;
    const again = await putRecord(server, "bob", record.jws.text);
    expect([again.status, again.json]).toEqual([200, first.json]);
    expect((await look("bob")).json).toMatchObject({ name: "bob", record: record.jws.text, addresses: [] });
  });

  test("lets one of fifty have the name", async () => {
    const { server, history } = await startWatchedServer();
    const rivals = Array.from({ length: 50 }, (_, index) =>
      personOf("bob", { identity: `rival ${index}`, device: `rival device ${index}` }),
    );
    const records = await Promise.all(rivals.map((rival) => recordTextOf(rival)));
    const answers = await Promise.all(records.map((record) => putRecord(server, "bob", record)));
    const statuses = answers.map(refusal);
    expect(statuses.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(statuses.filter(({ status }) => status === 409)).toEqual(
      Array.from({ length: 49 }, () => ({ status: 409, code: "USERNAME_TAKEN" })),
    );
    expect((await history("bob")).json).toMatchObject({ records: { length: 1 } });
  });

  test.each([
    ["a taken name", "bob", personOf("bob", { identity: "i", device: "d" }), 409, "USERNAME_TAKEN", undefined],
    ["a look-alike", "b-0b", personOf("b-0b"), 409, "USERNAME_CONFUSABLE", undefined],
    [
      "a second name for a person",
      "carol",
      personOf("carol", { identity: "bob identity" }),
      409,
      "KEY_IN_USE",
      "identity",
    ],
    ["another's device", "carol", personOf("carol", { device: "bob device" }), 409, "KEY_IN_USE", "device"],
    ["another name than the path's", "dave", personOf("carol"), 400, "RECORD_INVALID", "name"],
    [
      "a record for another server",
      "carol",
      personOf("carol", { aud: "https://other.example" }),
      400,
      "RECORD_INVALID",
      "aud",
    ],
  ] as const)("refuses %s and changes nothing", async (_what, name, person, status, code, reason) => {
    const { server, look } = await startWatchedServer();
    await register(server, bob);
    const before = (await look("bob")).text;
    const answer = await putRecord(server, name, await recordTextOf(person));
    expect(refusal(answer)).toEqual({ status, code, ...(reason && { reason }) });
    expect((await look("bob")).text).toBe(before);
    if (name !== "bob") expect((await look(name)).status).toBe(404);
  });

  test.each([
    "http://localhost:8080",
    "https://names.example.org/",
    "HTTPS://names.example.org",
    "names.example.org",
    "",
  ])("names the audience that it expects in the place of %j", async (aud) => {
    const { server, look } = await startWatchedServer();
    const answer = await putRecord(server, "bob", await recordTextOf(personOf("bob", { aud })));
    expect(refusal(answer)).toEqual({ status: 400, code: "RECORD_INVALID", reason: "aud" });
    expect(answer.json).toMatchObject({ expectedAudience: server.publicUrl });
    expect((await look("bob")).status).toBe(404);
  });

  test.each([
    ["ahead by more than the tolerated skew", LIMITS.clockSkewSeconds + 1],
    ["ahead by a day", 86_400],
    ["behind by ten minutes", -600],
    ["behind by a day", -86_400],
  ])("tells a clock that is %s the time", async (_what, offset) => {
    const { server, look } = await startWatchedServer();
    const answer = await putRecord(server, "bob", await recordTextOf(bob, { iat: NOW_SECONDS + offset }));
    expect(refusal(answer)).toEqual({ status: 401, code: "CLOCK_SKEW" });
    expect(answer.json).toMatchObject({ serverTime: NOW_SECONDS });
    expect((await look("bob")).status).toBe(404);
    const corrected = await putRecord(server, "bob", await recordTextOf(bob, { iat: NOW_SECONDS + 30 }));
    expect(corrected.status).toBe(201);
  });

  test.each(NAMES_REFUSED)("refuses the name %j", async (name, code) => {
    const { server, look } = await startWatchedServer();
    const payload = { ...(await recordOf(bob)).payload, name };
    const forged = await signJws(payload, { typ: JWS_TYPES.nameRecord, key: bob.identityKey });
    const answer = await putRecord(server, encodeURIComponent(name), forged);
    expect(refusal(answer)).toEqual({ status: 400, code });
    expect(refusal(await look(encodeURIComponent(name)))).toEqual(
      code === "USERNAME_RESERVED" ? { status: 404, code: "NAME_UNKNOWN" } : { status: 400, code },
    );
  });

  test.each([
    ["members that it does not know", { verified: true }],
    ["a sequence beyond integers", { seq: 1e21 }],
    ["no devices", { devices: [] }],
  ])("refuses a record with %s", async (_what, change) => {
    const { server, look } = await startWatchedServer();
    const payload = { ...(await recordOf(bob)).payload, ...change };
    const forged = await signJws(payload, { typ: JWS_TYPES.nameRecord, key: bob.identityKey });
    expect((await putRecord(server, "bob", forged)).status).toBe(400);
    expect((await look("bob")).status).toBe(404);
  });

  test.each(SMALL_ORDER_OR_NOT_CANONICAL)("refuses %s as identity key and as device key", async (encoding) => {
    const { server, look } = await startWatchedServer();
    const { payload } = await recordOf(bob);
    const [device] = payload.devices;
    const weak = Buffer.from(encoding, "hex");
    const key = encodeBase64url(weak);
    const id = base58btc.baseEncode(Buffer.concat([Buffer.from("002408011220", "hex"), weak]));
    // R the identity and S zero: what a key of small order verifies without anybody having signed
    const anyones = Buffer.concat([Buffer.from([1]), Buffer.alloc(63)]);
    const put = (change: object) =>
      putRecord(
        server,
        "bob",
        forge({ alg: "Ed25519", typ: JWS_TYPES.nameRecord }, change, () => anyones),
      );
    expect(refusal(await put({ ...payload, identity: key }))).toEqual({ status: 400, code: "KEY_INVALID" });
    const devices = [{ ...device, id, key, proof: encodeBase64url(anyones) }];
    const refused = { status: 400, code: "RECORD_INVALID", reason: "payload" };
    expect(refusal(await put({ ...payload, devices }))).toEqual(refused);
    expect((await look("bob")).status).toBe(404);
  });

  test("refuses a signature whose S was raised by the group order, and one of another length", async () => {
    const { server, look } = await startWatchedServer();
    const [header, payload, signature = ""] = (await recordTextOf(bob)).split(".");
    const sound = Buffer.from(signature, "base64url");
    for (const bytes of [raiseS(sound), sound.subarray(1), Buffer.concat([sound, Buffer.of(0)]), Buffer.alloc(0)]) {
      const answer = await putRecord(server, "bob", `${header}.${payload}.${bytes.toString("base64url")}`);
      expect(refusal(answer)).toEqual({ status: 401, code: "SIGNATURE_INVALID" });
    }
    expect((await look("bob")).status).toBe(404);
  });

  test("refuses a device that did not agree", async () => {
    const { server, look } = await startWatchedServer();
    const { payload } = await recordOf(bob);
    const [device] = payload.devices;
    const { proof: _proof, ...unproven } = device ?? {};
    const [foreign] = (await recordOf(mallory)).payload.devices;
    for (const devices of [[unproven], [foreign], [{ ...device, proof: foreign?.proof }]]) {
      const forged = await signJws({ ...payload, devices }, { typ: JWS_TYPES.nameRecord, key: bob.identityKey });
      expect(refusal(await putRecord(server, "bob", forged))).toMatchObject({ status: 400, code: "RECORD_INVALID" });
    }
    expect((await look("bob")).status).toBe(404);
  });

  test("refuses a signature of another key, and any other kind of signed text", async () => {
    const { server, look } = await startWatchedServer();
    const { payload } = await recordOf(bob);
    const forged = await signJws(payload, { typ: JWS_TYPES.nameRecord, key: mallory.identityKey });
    expect(refusal(await putRecord(server, "bob", forged))).toEqual({ status: 401, code: "SIGNATURE_INVALID" });
    const wrongKind = await signJws(payload, { typ: JWS_TYPES.assertion, key: bob.identityKey });
    expect(refusal(await putRecord(server, "bob", wrongKind))).toEqual({
      status: 400,
      code: "RECORD_INVALID",
      reason: "typ",
    });
    expect((await look("bob")).status).toBe(404);
  });

  test("takes only the one spelling of a record", async () => {
    const { server } = await startWatchedServer();
    const text = await recordTextOf(bob);
    for (const spelling of [`${text}=`, `${text}\n`, ` ${text}`, text.replace(".", ".."), ""]) {
      const answer = refusal(await putRecord(server, "bob", spelling));
      expect(answer).toEqual({ status: 400, code: "RECORD_INVALID", reason: "form" });
    }
  });
});
