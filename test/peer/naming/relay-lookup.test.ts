import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../shared/protocol.ts";
import { expectError } from "../../support/expect-error.ts";
import { startNamingClient as start } from "../../support/naming-client.ts";
import { AUDIENCE, addressRecordOf, NOW_SECONDS, personOf, relayDescriptorOf, relayOf } from "../../support/people.ts";
import { json } from "../../support/scripted-server.ts";

const one = relayOf("one");
const two = relayOf("two");
const options = { audience: AUDIENCE };

describe("the list of relays", () => {
  test("holds every relay whose descriptor verifies", async () => {
    const relays = [await relayDescriptorOf(one), await relayDescriptorOf(two, { roles: ["nat"] })];
    await using it = await start(() => json({ relays }), options);
    const listed = await it.client.relays();
    expect(listed.map(({ text }) => text)).toEqual(relays);
    expect(listed.map(({ payload }) => payload.roles)).toEqual([["mailbox", "nat"], ["nat"]]);
    expect(it.seen()[0]).toMatchObject({ method: "GET", path: "/v1/relays" });
    expect(it.seen()[0]?.headers.authorization).toBe("Bearer token-1");
  });

  test("is asked for again only where it changed, and lets relays expire all the same", async () => {
    const relays = [await relayDescriptorOf(one, { exp: NOW_SECONDS + 60 })];
    await using it = await start(
      ({ headers }) => (headers["if-none-match"] === `"1"` ? { status: 304 } : json({ relays }, 200, { etag: `"1"` })),
      options,
    );
    expect(await it.client.relays()).toHaveLength(1);
    expect(await it.client.relays()).toHaveLength(1);
    it.time.ms += 91_000;
    expect(await it.client.relays()).toEqual([]);
    expect(it.seen().map(({ headers }) => headers["if-none-match"])).toEqual([undefined, `"1"`, `"1"`]);
  });

  test.each([
    ["was made for another server", () => relayDescriptorOf(one, { aud: "https://elsewhere.example.org" })],
    ["has expired", () => relayDescriptorOf(one, { exp: NOW_SECONDS - 31 })],
    ["lives longer than an hour", () => relayDescriptorOf(one, { exp: NOW_SECONDS + 3631 })],
    ["another relay signed", () => relayDescriptorOf(one, { relay: two.id, addrs: [two.address] })],
    ["leads to another relay", () => relayDescriptorOf(one, { addrs: [two.address] })],
    ["withdraws", () => relayDescriptorOf(one, { addrs: [] })],
    ["is none", () => addressRecordOf(personOf("bob"))],
    ["is garbage", async () => "a.b.c"],
  ])("leaves out what %s, and keeps the others", async (_, make) => {
    const good = await relayDescriptorOf(relayOf("three"));
    const relays = [await make(), good];
    await using it = await start(() => json({ relays }), options);
    expect((await it.client.relays()).map(({ text }) => text)).toEqual([good]);
  });

  test("holds a relay once, by its newest descriptor, even where that withdraws it", async () => {
    const [first, second, last] = [
      await relayDescriptorOf(one),
      await relayDescriptorOf(one, { seq: 2 }),
      await relayDescriptorOf(one, { seq: 3, addrs: [] }),
    ];
    const lists = [
      [second, first],
      [last, second],
    ];
    await using it = await start(() => json({ relays: lists.shift() }), options);
    expect((await it.client.relays()).map(({ text }) => text)).toEqual([second]);
    expect(await it.client.relays()).toEqual([]);
  });

  test("is refused where it is longer than any", async () => {
    const relays = new Array(LIMITS.relaysMax + 1).fill("a.b.c");
    await using it = await start(() => json({ relays }), options);
    await expectError(it.client.relays(), "SERVER_ERROR", "body");
  });
});
