import { describe, expect, test } from "vitest";
import { publicKeyOfDevice } from "../../../../shared/device-id.ts";
import { sealEnvelope } from "../../../../shared/envelope.ts";
import { LIMITS } from "../../../../shared/protocol.ts";
import { databaseContent } from "../../../support/database-bytes.ts";
import { HostileOpener, refusals, types } from "../../../support/hostile-opener.ts";
import { MessagingWorld } from "../../../support/messaging-world.ts";
import { personOf } from "../../../support/people.ts";

async function attacked(options: { keyPackages?: number; lastResort?: boolean } = {}) {
  const world = new MessagingWorld();
  const bob = await world.start("bob", { keyPackages: 8, ...options });
  const mallory = personOf("mallory");
  await world.list(mallory);
  const opener = new HostileOpener(world, mallory, bob.person);
  await opener.openLane();
  return { world, bob, mallory, opener };
}

describe("a Welcome", () => {
  test("opens its session once; said again, it is acknowledged again", async () => {
    const { bob, opener, mallory } = await attacked();
    const welcome = await opener.makeWelcome();
    expect(types(await opener.exchange(welcome, welcome))).toEqual(["opened", "opened"]);
    expect(bob.store.sessions.forDevice(mallory.device)).toHaveLength(1);
  });

  test("is refused for ever once its session is over, by a new lane, after a restart, and under another id", async () => {
    const { world, bob, opener, mallory } = await attacked({ keyPackages: 0, lastResort: true });
    const welcome = await opener.makeWelcome();
    await opener.exchange(welcome);
    await bob.operations.contactsRemove({ username: "mallory" });
    await world.settle();
    const replayed = [["SESSION_INVALID", "replayed"]];
    expect(refusals(await opener.exchange(welcome))).toEqual(replayed);
    const again = world.restart(bob);
    await opener.openLane();
    expect(refusals(await opener.exchange(welcome))).toEqual(replayed);
    const renamed = { ...welcome, sessionId: new Uint8Array(32) };
    expect(refusals(await opener.exchange(renamed))).toEqual([["SESSION_INVALID", "id"]]);
    expect(again.store.sessions.forDevice(mallory.device)).toEqual([]);
  });

  test("uses its key package up in the transaction that keeps the session", async () => {
    const { world, bob, opener } = await attacked({ keyPackages: 2 });
    await opener.openSession();
    const welcome = await opener.makeWelcome();
    const { transaction } = bob.store;
    const before = databaseContent(world.databaseOf(bob.person));
    const failing = () => {
      throw new Error("the disk is gone");
    };
    Object.assign(bob.store, { transaction: failing });
    expect(refusals(await opener.exchange(welcome))).toEqual([["INTERNAL", null]]);
    Object.assign(bob.store, { transaction });
    expect(databaseContent(world.databaseOf(bob.person))).toBe(before);
    expect(types(await opener.exchange(welcome))).toEqual(["opened"]);
    const [reference] = bob.sessions.welcomeReferences(welcome.welcome);
    expect(reference && bob.store.keyPackages.find(reference)).toBeUndefined();
  });

  test("of somebody else's device opens nothing for this one", async () => {
    const { world, bob, opener } = await attacked();
    const welcome = await opener.makeWelcome();
    const eve = personOf("eve");
    await world.list(eve);
    const thief = new HostileOpener(world, eve, bob.person);
    await thief.openLane();
    expect(refusals(await thief.exchange({ ...welcome, hint: eve.username }))).toEqual([["SESSION_INVALID", null]]);
    expect(bob.store.sessions.forDevice(eve.device)).toEqual([]);
    expect(types(await opener.exchange(welcome))).toEqual(["opened"]);
  });

  test("that is garbage is refused without a trace, and the next one opens", async () => {
    const { world, bob, opener, mallory } = await attacked();
    expect(types(await opener.openSession())).toEqual(["opened"]);
    const before = databaseContent(world.databaseOf(bob.person));
    const welcome = await opener.makeWelcome();
    for (const garbage of [
      new Uint8Array(),
      new Uint8Array(1000),
      welcome.welcome.subarray(1),
      welcome.welcome.subarray(0, -1),
    ]) {
      expect(refusals(await opener.exchange({ ...welcome, welcome: garbage }))).toEqual([["SESSION_INVALID", null]]);
    }
    expect(databaseContent(world.databaseOf(bob.person))).toBe(before);
    expect(types(await opener.exchange(welcome))).toEqual(["opened"]);
    expect(bob.store.sessions.forDevice(mallory.device)).toHaveLength(2);
  });

  test("for another device is refused", async () => {
    const { opener, mallory } = await attacked();
    const recipientDevice = publicKeyOfDevice(mallory.device);
    expect(refusals(await opener.openSession({ recipientDevice }))).toEqual([["ENVELOPE_INVALID", "recipient"]]);
  });

  test("of a stranger is refused once they have opened enough, until they are answered", async () => {
    const { world, bob, opener, mallory } = await attacked({ keyPackages: 0, lastResort: true });
    for (let opened = 0; opened < LIMITS.strangerMaxSessions; opened += 1) {
      expect(types(await opener.openSession())).toEqual(["opened"]);
    }
    const welcome = await opener.makeWelcome();
    const before = databaseContent(world.databaseOf(bob.person));
    expect(refusals(await opener.exchange(welcome))).toEqual([["QUOTA", null]]);
    expect(databaseContent(world.databaseOf(bob.person))).toBe(before);
    const contact = bob.store.contacts.findByDevice(mallory.device);
    if (contact !== undefined) bob.store.transaction(() => bob.store.contacts.save({ ...contact, accepted: true }));
    expect(types(await opener.exchange(welcome))).toEqual(["opened"]);
  });

  test("of one device keeps four sessions at most, the newest, and each device its own", async () => {
    const { world, bob, opener, mallory } = await attacked({ keyPackages: 0, lastResort: true });
    const carol = personOf("carol");
    await world.list(carol);
    const other = await new HostileOpener(world, carol, bob.person).ready();
    for (let count = 0; count < 10; count += 1) await opener.openSession();
    expect(bob.store.sessions.forDevice(mallory.device)).toHaveLength(4);
    expect(types(await opener.write())).toEqual(["ack"]);
    expect(types(await other.write())).toEqual(["ack"]);
  });
});

describe("commits of a peer", () => {
  test("are applied once and acknowledged each time", async () => {
    const { bob, opener, mallory } = await attacked();
    await opener.openSession();
    const session = opener.session;
    if (session === undefined) throw new Error("no session");
    const { commit, session: pending } = await opener.sessions.beginCommit(session);
    const recipientDevice = publicKeyOfDevice(bob.person.device);
    const frame = { type: "commit", sessionId: session.id, recipientDevice, commit } as const;
    const answers = await opener.exchange(frame, frame);
    expect(answers.map((answer) => answer.type === "committed" && answer.applied)).toEqual([true, true]);
    opener.session = await opener.sessions.confirmCommit(pending, commit);
    const sealed = sealEnvelope(opener.envelope(), mallory.deviceKey);
    expect(types(await opener.exchange(await opener.frameOf(sealed)))).toEqual(["ack"]);
  });

  test("of somebody who was removed are answered with a reset, and they begin anew as a stranger", async () => {
    const { bob, opener, mallory } = await attacked();
    await opener.openSession();
    const { session } = opener;
    if (session === undefined) throw new Error("no session");
    const { commit } = await opener.sessions.beginCommit(session);
    await bob.operations.contactsRemove({ username: "mallory" });
    const recipientDevice = publicKeyOfDevice(bob.person.device);
    expect(types(await opener.exchange({ type: "commit", sessionId: session.id, recipientDevice, commit }))).toEqual([
      "reset",
    ]);
    expect(bob.contact(mallory)).toBeUndefined();
    expect(types(await opener.openSession())).toEqual(["opened"]);
    expect(types(await opener.write())).toEqual(["ack"]);
    expect(bob.contact(mallory)).toMatchObject({ accepted: false });
  });

  test("that are garbage, or of another session, change nothing", async () => {
    const { world, bob, opener } = await attacked();
    await opener.openSession();
    const { session } = opener;
    if (session === undefined) throw new Error("no session");
    const { commit } = await opener.sessions.beginCommit(session);
    const recipientDevice = publicKeyOfDevice(bob.person.device);
    const frame = { type: "commit", sessionId: session.id, recipientDevice, commit } as const;
    const before = databaseContent(world.databaseOf(bob.person));
    const broken = commit.slice();
    broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1;
    expect(refusals(await opener.exchange({ ...frame, commit: broken }))).toEqual([["SESSION_INVALID", null]]);
    expect(types(await opener.exchange({ ...frame, sessionId: new Uint8Array(32) }))).toEqual(["reset"]);
    expect(databaseContent(world.databaseOf(bob.person))).toBe(before);
    expect(types(await opener.exchange(frame))).toEqual(["committed"]);
  });
});
