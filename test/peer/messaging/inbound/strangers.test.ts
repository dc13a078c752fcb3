import { describe, expect, test } from "vitest";
import { sealEnvelope } from "../../../../shared/envelope.ts";
import { LIMITS } from "../../../../shared/protocol.ts";
import { databaseContent } from "../../../support/database-bytes.ts";
import { HostileOpener, refusals, types } from "../../../support/hostile-opener.ts";
import { MessagingWorld } from "../../../support/messaging-world.ts";
import { type Person, personOf } from "../../../support/people.ts";

/** Bob's program, and as many strangers as a test wants. */
async function crowded() {
  const world = new MessagingWorld();
  const bob = await world.start("bob", { keyPackages: 0, lastResort: true });
  const stranger = async (who: string | Person) => {
    const person = typeof who === "string" ? personOf(who) : who;
    await world.list(person);
    const opener = new HostileOpener(world, person, bob.person);
    await opener.openLane();
    return opener;
  };
  /** One message from each of them, as fast as names are looked up. */
  const fill = async (count: number) => {
    for (let index = 0; index < count; index += 1) {
      const one = await stranger(`stranger-${index}`);
      expect(types(await one.openSession())).toEqual(["opened"]);
      expect(types(await one.write())).toEqual(["ack"]);
      await world.pass(2000);
    }
  };
  const content = () => databaseContent(world.databaseOf(bob.person));
  return { world, bob, stranger, fill, content };
}

describe("strangers who were never answered", () => {
  test("are fifty at most: one more is refused without a trace and without a look-up, contacts are not", async () => {
    const { world, bob, stranger, fill, content } = await crowded();
    const alice = await stranger("alice");
    await bob.send("alice", "hello alice");
    await world.settle();
    await fill(LIMITS.strangersMax);
    const late = await stranger("latecomer");
    const [before, lookups] = [content(), world.directory.lookups];
    expect(refusals(await late.openSession())).toEqual([["QUOTA", null]]);
    expect(refusals(await late.write())).toEqual([["QUOTA", null]]);
    expect(content()).toBe(before);
    expect(world.directory.lookups).toBe(lookups + 1); // the one for the key package that was claimed
    expect(types(await alice.openSession())).toEqual(["opened"]);
    expect(types(await alice.write())).toEqual(["ack"]);
    expect(bob.store.contacts.list()).toHaveLength(LIMITS.strangersMax + 1);
  });

  test.each<[string, (bob: Awaited<ReturnType<typeof crowded>>["bob"]) => Promise<unknown>]>([
    ["is answered", (bob) => bob.send("stranger-7", "who are you?")],
    ["is blocked", (bob) => bob.operations.contactsBlock({ username: "stranger-7", blocked: true })],
    ["is removed", (bob) => bob.operations.contactsRemove({ username: "stranger-7" })],
  ])("leave a place to another when one of them %s", async (_what, act) => {
    const { world, bob, stranger, fill } = await crowded();
    await fill(LIMITS.strangersMax);
    const [late, later] = [await stranger("latecomer"), await stranger("later-still")];
    expect(refusals(await late.openSession())).toEqual([["QUOTA", null]]);
    await act(bob);
    await world.settle();
    expect(types(await late.openSession())).toEqual(["opened"]);
    expect(types(await late.write())).toEqual(["ack"]);
    expect(refusals(await later.openSession())).toEqual([["QUOTA", null]]);
  });

  test("share the last place among those who come at once: one gets it", async () => {
    const { bob, stranger, fill } = await crowded();
    await fill(LIMITS.strangersMax - 1);
    const rivals = [await stranger("rival-one"), await stranger("rival-two"), await stranger("rival-three")];
    const welcomes = await Promise.all(rivals.map((rival) => rival.makeWelcome()));
    const answers = await Promise.all(
      rivals.map((rival, index) => rival.exchange(...welcomes.slice(index, index + 1))),
    );
    expect(answers.flatMap(types).sort()).toEqual(["opened", "refuse", "refuse"]);
    expect(answers.flatMap(refusals)).toEqual(Array(2).fill(["QUOTA", null]));
    expect(bob.store.contacts.list()).toHaveLength(LIMITS.strangersMax);
  });

  test("have one request a key, whatever names the server lists for it", async () => {
    const { world, stranger, content } = await crowded();
    const first = await stranger(personOf("mallory", { identity: "one key" }));
    const second = await stranger(personOf("mallory-again", { identity: "one key" }));
    expect(types(await first.openSession())).toEqual(["opened"]);
    const welcome = await second.makeWelcome();
    const before = content();
    expect(refusals(await second.exchange(welcome))).toEqual([["QUOTA", null]]);
    expect(content()).toBe(before);
    await world.pass(2000);
    expect(types(await first.write())).toEqual(["ack"]);
  });

  test("cause no more look-ups than a bucket holds, and are told to wait", async () => {
    const { world, bob, stranger, content } = await crowded();
    const liar = await stranger("liar");
    const welcome = await liar.makeWelcome();
    const [before, lookups] = [content(), world.directory.lookups];
    const codes = [];
    for (let index = 0; index < 100; index += 1) {
      if (liar.ended) await liar.openLane();
      codes.push(...refusals(await liar.exchange({ ...welcome, hint: personOf(`name-${index}`).username })).flat());
    }
    expect(world.directory.lookups).toBe(lookups + LIMITS.strangerLookupsPerMinute);
    expect(codes.filter((code) => code === "RATE_LIMITED").length).toBeGreaterThan(0);
    expect(content()).toBe(before);
    await liar.openLane();
    expect(refusals(await liar.exchange(welcome))).toEqual([["RATE_LIMITED", null]]);
    await world.pass(2000);
    expect(types(await liar.exchange(welcome))).toEqual(["opened"]);
    expect(bob.failures).toEqual([]);
  });
});

describe("an honest stranger", () => {
  test("is heard late when others have used up the look-ups", async () => {
    const { world, bob, stranger } = await crowded();
    const carol = await world.start("carol");
    const liar = await stranger("liar");
    const welcome = await liar.makeWelcome();
    for (let index = 0; index < 40; index += 1) {
      if (liar.ended) await liar.openLane();
      await liar.exchange({ ...welcome, hint: personOf(`name-${index}`).username });
    }
    await carol.send(bob, "may I?");
    await world.settle();
    expect(carol.outbox()).toMatchObject([{ state: "queued", error: "RATE_LIMITED" }]);
    await world.pass(60_000);
    expect(carol.outbox()).toEqual([]);
    expect(bob.inbox()).toEqual(["may I?"]);
  });

  test("is told that there is no place, and gets in by trying again once there is one", async () => {
    const { world, bob, fill } = await crowded();
    await fill(LIMITS.strangersMax);
    const carol = await world.start("carol");
    await carol.send(bob, "may I?");
    await world.settle();
    expect(carol.outbox()).toMatchObject([{ state: "failed", error: "QUOTA" }]);
    await bob.operations.contactsRemove({ username: "stranger-0" });
    await carol.operations.outboxRetry({});
    await world.settle();
    expect(carol.outbox()).toEqual([]);
    expect(bob.inbox().at(-1)).toBe("may I?");
  });
});

describe("a lane", () => {
  const claimed = (index: number) => ({ hint: personOf(`nobody-${index}`).username, sessionId: new Uint8Array(32) });

  test("ends when so many sessions in a row were refused on it", async () => {
    const { stranger } = await crowded();
    const liar = await stranger("liar");
    const welcome = await liar.makeWelcome();
    for (let index = 1; index < LIMITS.laneMaxRefusedSessions; index += 1) {
      expect(refusals(await liar.exchange({ ...welcome, ...claimed(index) }))).toEqual([
        ["ENVELOPE_INVALID", "identity"],
      ]);
    }
    expect(liar.ended).toBe(false);
    const last = await liar.exchange({ ...welcome, ...claimed(0) });
    expect(refusals(last)).toEqual([
      ["ENVELOPE_INVALID", "identity"],
      ["RATE_LIMITED", null],
    ]);
    expect(liar.ended).toBe(true);
    await liar.openLane();
    expect(types(await liar.exchange(welcome))).toEqual(["opened"]);
  });

  test("forgives refused sessions once one is opened", async () => {
    const { stranger } = await crowded();
    const clumsy = await stranger("clumsy");
    for (let round = 0; round < 2; round += 1) {
      const welcome = await clumsy.makeWelcome();
      for (let index = 1; index < LIMITS.laneMaxRefusedSessions; index += 1) {
        const garbage = { ...welcome, welcome: new Uint8Array(), sessionId: new Uint8Array(32).fill(index) };
        expect(types(await clumsy.exchange(garbage))).toEqual(["refuse"]);
      }
      expect(types(await clumsy.exchange(welcome))).toEqual(["opened"]);
    }
    const sealed = sealEnvelope(clumsy.envelope(), clumsy.person.deviceKey);
    expect(types(await clumsy.exchange(await clumsy.frameOf(sealed)))).toEqual(["ack"]);
  });
});
