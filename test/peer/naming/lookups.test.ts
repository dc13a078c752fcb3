import { describe, expect, test } from "vitest";
import { expectError } from "../../support/expect-error.ts";
import { startNamingClient as start } from "../../support/naming-client.ts";
import {
  addressRecordOf,
  chainOf,
  mailboxPayloadOf,
  mailboxRecordOf,
  NOW_SECONDS,
  personOf,
  recordTextOf,
} from "../../support/people.ts";
import { json, problem, type ScriptedAnswer } from "../../support/scripted-server.ts";

const bob = personOf("bob");
const record = await recordTextOf(bob);
const [{ box: boxId } = { box: "" }] = mailboxPayloadOf(bob).boxes;
const chain = await chainOf(bob, 5);
const bobOf = (facts: object = {}, etag = `"1"`) =>
  json({ name: "bob", record, addresses: [], ...facts }, 200, { etag });

describe("looking a name up", () => {
  test("answers record and verified addresses", async () => {
    const address = await addressRecordOf(bob);
    await using it = await start(() => bobOf({ addresses: [{ device: bob.device, record: address }] }));
    const answer = await it.client.lookup(bob.username);
    expect(answer.record.jws.text).toBe(record);
    expect(answer.addresses).toEqual(new Map([[bob.device, [`/ip4/192.0.2.7/tcp/4001/p2p/${bob.device}`]]]));
  });

  test("asks whether a known answer still holds", async () => {
    await using it = await start(({ headers }) =>
      headers["if-none-match"] === `"1"` ? { status: 304, headers: { etag: `"1"` } } : bobOf(),
    );
    const [first, second] = [await it.client.lookup(bob.username), await it.client.lookup(bob.username)];
    expect(second).toEqual(first);
    expect(it.seen().map(({ headers }) => headers["if-none-match"])).toEqual([undefined, `"1"`]);
  });

  test("lets an address expire however often the server says that nothing has changed", async () => {
    const address = await addressRecordOf(bob, { exp: NOW_SECONDS + 60 });
    await using it = await start(({ headers }) =>
      headers["if-none-match"] ? { status: 304 } : bobOf({ addresses: [{ device: bob.device, record: address }] }),
    );
    expect((await it.client.lookup(bob.username)).addresses.size).toBe(1);
    it.time.ms += 91_000;
    expect((await it.client.lookup(bob.username)).addresses.size).toBe(0);
  });

  test("takes the newest of two addresses of one device", async () => {
    const records = [await addressRecordOf(bob, { seq: 2, addrs: [] }), await addressRecordOf(bob, { seq: 1 })];
    const addresses = records.map((text) => ({ device: bob.device, record: text }));
    await using it = await start(() => bobOf({ addresses }));
    expect((await it.client.lookup(bob.username)).addresses.get(bob.device)).toEqual([]);
  });

  const carol = personOf("carol");
  test.each([
    ["that have expired", () => addressRecordOf(bob, { exp: NOW_SECONDS - 31 })],
    ["without a peer id", () => addressRecordOf(bob, { addrs: ["/ip4/192.0.2.7/tcp/4001"] })],
    ["of another device", () => addressRecordOf(carol)],
    ["signed by another device", () => addressRecordOf(carol, { device: bob.device })],
    ["under another name", () => addressRecordOf(personOf("carol", { device: "bob device" }))],
    ["that are garbage", async () => "a.b.c"],
  ])("leaves out addresses %s", async (_, make) => {
    const addresses = [{ device: bob.device, record: await make() }];
    await using it = await start(() => bobOf({ addresses }));
    expect((await it.client.lookup(bob.username)).addresses).toEqual(new Map());
  });

  test("leaves out addresses of a device that the record does not list", async () => {
    const stranger = personOf("bob", { device: "stranger" });
    const addresses = [{ device: stranger.device, record: await addressRecordOf(stranger) }];
    await using it = await start(() => bobOf({ addresses }));
    expect((await it.client.lookup(bob.username)).addresses).toEqual(new Map());
  });

  test("leaves out addresses that are listed under another device of the same person", async () => {
    const laptop = personOf("bob", { device: "laptop" });
    const devices = [bob, laptop].map(({ deviceKey: key }) => ({ key, addedAt: NOW_SECONDS }));
    const both = await recordTextOf(bob, { devices });
    const addresses = [{ device: bob.device, record: await addressRecordOf(laptop) }];
    await using it = await start(() => bobOf({ record: both, addresses }));
    expect((await it.client.lookup(bob.username)).addresses).toEqual(new Map());
  });

  test("answers verified mailboxes, and asks again only where something changed", async () => {
    const mailbox = await mailboxRecordOf(bob, { exp: NOW_SECONDS + 60 });
    await using it = await start(({ headers }) =>
      headers["if-none-match"] ? { status: 304 } : bobOf({ mailboxes: [{ device: bob.device, record: mailbox }] }),
    );
    const { key, boxes, exp } = mailboxPayloadOf(bob, { exp: NOW_SECONDS + 60 });
    for (let count = 0; count < 2; count += 1) {
      expect((await it.client.lookup(bob.username)).mailboxes).toEqual(new Map([[bob.device, { key, boxes, exp }]]));
    }
    it.time.ms += 91_000;
    expect((await it.client.lookup(bob.username)).mailboxes).toEqual(new Map());
  });

  test("takes the newest of two mailbox records of one device, and none that was withdrawn", async () => {
    const list = async (...seqs: number[]) => {
      const records = seqs.map((seq) => mailboxRecordOf(bob, { seq, ...(seq === 3 && { boxes: [] }) }));
      return (await Promise.all(records)).map((text) => ({ device: bob.device, record: text }));
    };
    const shown = [await list(2, 1), await list(3, 2)];
    await using it = await start(() => bobOf({ mailboxes: shown.shift() }));
    expect((await it.client.lookup(bob.username)).mailboxes.size).toBe(1);
    expect((await it.client.lookup(bob.username)).mailboxes.size).toBe(0);
  });

  test.each([
    ["that have expired", () => mailboxRecordOf(bob, { exp: NOW_SECONDS - 31 })],
    ["at no relay", () => mailboxRecordOf(bob, { boxes: [{ relay: "/ip4/192.0.2.9/tcp/4001", box: boxId }] })],
    ["of another device", () => mailboxRecordOf(carol)],
    ["signed by another device", () => mailboxRecordOf(carol, { device: bob.device })],
    ["under another name", () => mailboxRecordOf(personOf("carol", { device: "bob device" }))],
    ["that are address records", () => addressRecordOf(bob)],
    ["that are garbage", async () => "a.b.c"],
  ])("leaves out mailboxes %s", async (_, make) => {
    const mailboxes = [{ device: bob.device, record: await make() }];
    await using it = await start(() => bobOf({ mailboxes }));
    expect((await it.client.lookup(bob.username)).mailboxes).toEqual(new Map());
  });

  test("leaves out mailboxes of a device that the record does not list", async () => {
    const stranger = personOf("bob", { device: "stranger" });
    const mailboxes = [{ device: stranger.device, record: await mailboxRecordOf(stranger) }];
    await using it = await start(() => bobOf({ mailboxes }));
    expect((await it.client.lookup(bob.username)).mailboxes).toEqual(new Map());
  });

  test("refuses another name's record", async () => {
    const text = await recordTextOf(carol);
    await using it = await start(() => bobOf({ record: text }));
    await expectError(it.client.lookup(bob.username), "RECORD_INVALID", "name");
  });

  const name = { name: "bob", record, addresses: [] };
  test.each<[string, ScriptedAnswer, string, string | undefined]>([
    ["an unknown name", problem(404, "NAME_UNKNOWN"), "NAME_UNKNOWN", undefined],
    ["a record that is none", json({ ...name, record: "a.b.c" }), "RECORD_INVALID", "form"],
    ["garbage", { status: 200, body: "<html>" }, "SERVER_ERROR", "body"],
    ["another shape", json([name]), "SERVER_ERROR", "body"],
    ["304 to a first question", { status: 304 }, "SERVER_ERROR", "redirect"],
    ["a redirect", { status: 302, headers: { location: "http://127.0.0.1:1/" } }, "SERVER_ERROR", "redirect"],
    ["too many requests", problem(429, "RATE_LIMITED"), "RATE_LIMITED", undefined],
    ["a busy server", { status: 503 }, "SERVER_BUSY", undefined],
    ["a broken server", { status: 500, body: "at Object.<anonymous>" }, "SERVER_ERROR", undefined],
    ["a verdict that is not the server's", problem(409, "KEY_CHANGED"), "SERVER_ERROR", undefined],
  ])("fails on %s", async (_, answer, code, reason) => {
    await using it = await start(() => answer);
    const error = await it.client.lookup(bob.username).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "ChatError", code, reason });
  });
});

test("says who is unknown, whatever words the server has for it", async () => {
  await using it = await start(() => problem(404, "NAME_UNKNOWN", { detail: "nobody is called \u001b[31mmallory" }));
  const questions = [() => it.client.lookup(bob.username), () => it.client.history(bob.username, 0)];
  for (const ask of questions) {
    const error = await ask().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "NAME_UNKNOWN",
      message: "nobody is called bob",
      details: { status: 404, username: "bob" },
    });
  }
});

describe("reading a history", () => {
  const page = (from: number, to: number, next: number | null) =>
    json({ name: "bob", records: chain.slice(from, to).map(({ jws }) => jws.text), next });

  test("turns pages until the end", async () => {
    const pages: Record<string, ScriptedAnswer> = { "1": page(1, 3, 3), "3": page(3, 5, null) };
    await using it = await start(({ path }) => pages[path.split("after=")[1] ?? ""] ?? problem(404, "NOT_FOUND"));
    const records = await it.client.history(bob.username, 1);
    expect(records.map(({ payload }) => payload.seq)).toEqual([2, 3, 4, 5]);
  });

  test.each([
    ["a gap", page(2, 4, null)],
    ["a repetition", page(0, 2, null)],
  ])("refuses %s", async (_, answer) => {
    await using it = await start(() => answer);
    await expectError(it.client.history(bob.username, 1), "RECORD_INVALID", "history");
  });

  test("refuses empty pages that promise more", async () => {
    await using it = await start(() => page(0, 0, 7));
    await expectError(it.client.history(bob.username, 1), "SERVER_ERROR", "history");
    expect(it.seen()).toHaveLength(1);
  });
});
