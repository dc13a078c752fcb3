import { describe, expect, test } from "vitest";
import { createResolver } from "../../../peer/contacts/resolver.ts";
import { systemRuntime } from "../../../peer/messaging/runtime.ts";
import { createClock } from "../../../peer/naming/clock.ts";
import { createKeyLog } from "../../../peer/naming/log/key-log.ts";
import { createNamingClient, type NamingClientOptions } from "../../../peer/naming/naming-client.ts";
import { expectError } from "../../support/expect-error.ts";
import {
  failing,
  frozen,
  garbage,
  handingOut,
  huge,
  redirect,
  showing,
  showingAddresses,
  showingHistory,
  showingMailboxes,
} from "../../support/lies.ts";
import { startLyingServer } from "../../support/lying-server.ts";
import { memoryContacts } from "../../support/memory-contacts.ts";
import { startTestServer } from "../../support/naming-server.ts";
import { openedStore } from "../../support/opened-store.ts";
import {
  AUDIENCE,
  addressRecordOf,
  mailboxPayloadOf,
  mailboxRecordOf,
  NOW_MS,
  NOW_SECONDS,
  type Person,
  personOf,
  recordOf,
  recordTextOf,
  rotate,
} from "../../support/people.ts";

const alice = personOf("alice");
const bob = personOf("bob");
const mallory = personOf("bob", { identity: "mallory", device: "mallory device" });

let ids = 0;
function clientOf(person: Person, url: string, options: Partial<NamingClientOptions> = {}) {
  const clock = createClock(() => NOW_MS);
  const randomId = () => `id-0123456789abc-${ids++}`;
  return createNamingClient({
    url,
    audience: AUDIENCE,
    credentials: person,
    clock,
    randomId,
    timers: systemRuntime,
    ...options,
  });
}

/** A real server where Alice and Bob are registered, a liar in front of it, and Alice's client and resolver. */
async function setUp() {
  const real = await startTestServer();
  const liar = await startLyingServer(real.url);
  for (const person of [alice, bob]) {
    await clientOf(person, real.url).putRecord(person.username, await recordTextOf(person));
  }
  const server = clientOf(alice, liar.url);
  const contacts = memoryContacts();
  const times = { now: () => NOW_MS, monotonic: () => 0 };
  const store = openedStore();
  const log = createKeyLog({ source: server.log, store, audience: () => server.audience, ...times, onFork: () => {} });
  const resolver = createResolver({ server, contacts, log, ...times, audience: () => server.audience, own: alice });
  return {
    real,
    liar,
    server,
    contacts,
    resolver,
    bobs: clientOf(bob, real.url),
    async [Symbol.asyncDispose]() {
      server.close();
      await liar.close();
    },
  };
}

describe("with the real naming server", () => {
  test("a name is registered, looked up and followed through a rotation", async () => {
    await using it = await setUp();
    const { contact } = await it.resolver.resolve(bob.username);
    expect(contact).toMatchObject({ seq: 1, identity: bob.identity });
    const first = await recordOf(bob);
    const bobAgain = personOf("bob", { identity: "bob second identity" });
    const rotated = await rotate(bob, first, bobAgain);
    await it.bobs.putRecord(bob.username, rotated.jws.text);
    await it.bobs.putRecord(bob.username, (await recordOf(bobAgain, { previous: rotated })).jws.text);
    expect((await it.resolver.resolve(bob.username)).contact).toMatchObject({ seq: 3, identity: bobAgain.identity });
    expect((await it.server.history(bob.username, 0)).map(({ payload }) => payload.seq)).toEqual([1, 2, 3]);
  });

  test("addresses come and go", async () => {
    await using it = await setUp();
    await it.bobs.publishAddresses(await addressRecordOf(bob));
    expect((await it.server.lookup(bob.username)).addresses.get(bob.device)).toHaveLength(1);
    await it.bobs.withdrawAddresses();
    expect((await it.server.lookup(bob.username)).addresses.size).toBe(0);
  });

  test("mailboxes come and go, and a server that forges them shows none", async () => {
    await using it = await setUp();
    const shown = async () => (await it.server.lookup(bob.username)).mailboxes;
    await it.bobs.publishMailbox(await mailboxRecordOf(bob));
    const forged = await mailboxRecordOf({ ...bob, deviceKey: alice.deviceKey }, { seq: 9 });
    const takeBack = it.liar.tell(showingMailboxes("bob", [{ device: bob.device, record: forged }]));
    expect(await shown()).toEqual(new Map());
    takeBack();
    const { key, boxes, exp } = mailboxPayloadOf(bob);
    expect(await shown()).toEqual(new Map([[bob.device, { key, boxes, exp }]]));
    await it.bobs.publishMailbox(await mailboxRecordOf(bob, { seq: 2, boxes: [] }));
    expect(await shown()).toEqual(new Map());
    await expectError(it.bobs.publishMailbox(await mailboxRecordOf(bob)), "RECORD_CONFLICT");
  });

  test("key packages are handed out once, the last resort again and again", async () => {
    await using it = await setUp();
    const upload = { keyPackages: [Uint8Array.of(1), Uint8Array.of(2)], lastResort: Uint8Array.of(9) };
    expect(await it.bobs.uploadKeyPackages(upload)).toEqual({ count: 2, lastResort: true });
    const claim = async () => (await it.server.claimKeyPackages(bob.username)).map(({ keyPackage }) => keyPackage[0]);
    const claimed = [await claim(), await claim(), await claim(), await claim()].flat();
    expect(claimed.toSorted()).toEqual([1, 2, 9, 9]);
    expect(await it.bobs.uploadKeyPackages({ keyPackages: [] })).toEqual({ count: 0, lastResort: true });
  });

  test("a name that nobody has is unknown, one that somebody has is taken", async () => {
    await using it = await setUp();
    await expectError(it.server.lookup(personOf("carol").username), "NAME_UNKNOWN");
    await expectError(it.server.putRecord(mallory.username, await recordTextOf(mallory)), "USERNAME_TAKEN");
    const lookAlike = personOf("b0b");
    await expectError(it.server.putRecord(lookAlike.username, await recordTextOf(lookAlike)), "USERNAME_CONFUSABLE");
  });

  test("a client learns the server's URL and time from its first refused record", async () => {
    await using it = await setUp();
    const clock = createClock(() => NOW_MS - 86_400_000);
    const carols = clientOf(personOf("carol"), it.real.url, { audience: undefined, clock });
    const sign = () =>
      recordTextOf(personOf("carol", { aud: carols.audience }), { iat: Math.floor(clock.now() / 1000) });
    const { username } = personOf("carol");
    await expectError(carols.putRecord(username, await sign()), "RECORD_INVALID", "aud");
    await expectError(carols.putRecord(username, await sign()), "CLOCK_SKEW");
    await carols.putRecord(username, await sign());
    expect((await carols.lookup(username)).record.payload).toMatchObject({ aud: AUDIENCE, iat: NOW_SECONDS });
    expect(await carols.online()).toEqual(expect.any(Array));
  });
});

describe("with a naming server that lies", () => {
  test("a swapped key is refused, and stays refused when the lie is taken back", async () => {
    await using it = await setUp();
    await it.resolver.resolve(bob.username);
    it.liar.tell(showing("bob", await recordTextOf(mallory)));
    await expectError(it.resolver.resolve(bob.username), "KEY_CHANGED");
    it.liar.repent();
    await expectError(it.resolver.resolve(bob.username), "KEY_CHANGED");
    expect(it.contacts.find(bob.username)).toMatchObject({ identity: bob.identity, devices: [bob.device] });
  });

  test("an older record is refused, and forgiven when the lie is taken back", async () => {
    await using it = await setUp();
    const first = await recordOf(bob);
    await it.bobs.putRecord(bob.username, (await recordOf(bob, { previous: first })).jws.text);
    await it.resolver.resolve(bob.username);
    const repent = it.liar.tell(showing("bob", first.jws.text));
    await expectError(it.resolver.resolve(bob.username), "RECORD_ROLLBACK");
    repent();
    expect((await it.resolver.resolve(bob.username)).contact.seq).toBe(2);
  });

  test("a withheld history shows", async () => {
    await using it = await setUp();
    const first = await recordOf(bob);
    const bobAgain = personOf("bob", { identity: "bob second identity" });
    await it.bobs.putRecord(bob.username, (await rotate(bob, first, bobAgain)).jws.text);
    it.liar.tell(showingHistory("bob", []));
    await expectError(it.resolver.resolve(bob.username), "RECORD_INVALID", "history");
    expect(it.contacts.saves).toBe(0);
  });

  test("a frozen view lets addresses expire all the same", async () => {
    await using it = await setUp();
    await it.bobs.publishAddresses(await addressRecordOf(bob, { exp: NOW_SECONDS + 600 }));
    it.liar.tell(frozen("bob"));
    const clock = createClock(() => NOW_MS);
    const server = clientOf(alice, it.liar.url, { clock });
    expect((await server.lookup(bob.username)).addresses.size).toBe(1);
    clock.adopt(NOW_SECONDS + 631);
    it.real.clock.nowMs += 631_000;
    expect((await server.lookup(bob.username)).addresses.size).toBe(0);
    server.close();
  });

  test("an address without a peer id is not passed on", async () => {
    await using it = await setUp();
    const record = await addressRecordOf(bob, { addrs: ["/ip4/192.0.2.7/tcp/4001"] });
    it.liar.tell(showingAddresses("bob", [{ device: bob.device, record }]));
    expect((await it.resolver.resolve(bob.username)).contact.addresses).toEqual({});
  });

  test("key packages for a device twice over are refused", async () => {
    await using it = await setUp();
    const handed = { device: bob.device, keyPackage: Uint8Array.of(1) };
    it.liar.tell(handingOut("bob", [handed, handed]));
    await expectError(it.server.claimKeyPackages(bob.username), "SERVER_ERROR", "body");
  });

  test.each([
    ["garbage", garbage],
    ["a body without end", huge],
    ["a redirect", redirect("http://127.0.0.1:1/v1/names/bob")],
    ["a cut connection", "reset" as const],
    ["a broken server", { status: 500 }],
  ])("%s parts no people who have met", async (_, answer) => {
    await using it = await setUp();
    await it.resolver.resolve(bob.username);
    it.liar.tell(failing("/v1/names/bob", answer));
    expect(await it.resolver.resolve(bob.username)).toMatchObject({ stale: true, contact: { seq: 1 } });
    it.liar.repent();
    expect((await it.resolver.resolve(bob.username)).stale).toBe(false);
  });
});
