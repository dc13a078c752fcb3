import { describe, expect, test } from "vitest";
import { encodeCbor } from "../../../shared/cbor.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { attacked } from "../../support/attacked-peer.ts";
import { HostileOpener, refusals, types } from "../../support/hostile-opener.ts";
import type { MessagingPeer } from "../../support/messaging-peer.ts";
import { MessagingWorld } from "../../support/messaging-world.ts";
import { personOf } from "../../support/people.ts";
import { idOf, saying, told } from "../../support/told-changes.ts";

/** Bob, who has a talk with Alice and one with Mallory, who keeps no rules. */
async function amongThree() {
  const world = new MessagingWorld();
  const { alice, bob } = await world.acquainted();
  const mallory = personOf("mallory");
  await world.list(mallory);
  const opener = await new HostileOpener(world, mallory, bob.person).ready();
  await bob.send("mallory", "hello mallory");
  await world.settle();
  const { id } = await alice.send(bob, "from alice");
  await world.settle();
  const historyWith = async (name: string) => (await bob.operations.history({ with: name })).messages;
  return { world, alice, bob, opener, target: Buffer.from(id, "hex"), historyWith };
}

describe("a stranger whose messages wait", () => {
  async function waiting() {
    const at = await attacked();
    await at.bob.operations.inbox({ mode: "requests" });
    await at.opener.openSession();
    return at;
  }

  test("has nothing shown of what they say about messages either, and is shown as they left it once accepted", async () => {
    const { world, bob, opener } = await waiting();
    const target = idOf("theirs");
    await opener.write({ messageId: target, ...saying({ kind: "text", text: "first" }) });
    await opener.write(saying({ kind: "edit", target, text: "second" }));
    await opener.write(saying({ kind: "reaction", target, emoji: "👍" }));
    await opener.write(saying({ kind: "edit", target: idOf("unknown"), text: "an edit of nothing" }));
    await opener.write(saying({ kind: "reaction", target: idOf("unknown"), emoji: "🎉" }));
    await opener.write(saying({ kind: "delete", target: idOf("unknown") }));
    expect(await told(world, bob)).toEqual([]);
    expect((await bob.operations.history({ with: "mallory" })).messages).toEqual([]);
    expect(bob.store.amendments.of(idOf("unknown")).map(({ kind }) => kind)).toEqual(["delete", "edit"]);
    await bob.operations.contactsAccept({ username: "mallory" });
    expect(await told(world, bob)).toMatchObject([
      { type: "message", text: "second", edited: true, reactions: [{ emoji: "👍" }] },
    ]);
  });

  test("has no gap in what they sent shown, before they are accepted", async () => {
    const { world, bob, opener } = await waiting();
    await opener.write();
    opener.envelope();
    await opener.write();
    opener.envelope();
    await opener.write({ kind: "tombstone", body: encodeCbor({}) });
    await world.pass(10_000);
    expect(await told(world, bob)).toEqual([]);
    await bob.operations.contactsAccept({ username: "mallory" });
    const events = await told(world, bob);
    expect(events.filter(({ type }) => type === "message")).toMatchObject([{ seq: 1 }, { seq: 3 }]);
    expect(events.filter(({ type }) => type === "gap")).toMatchObject([{ fromSeq: 4 }, { fromSeq: 2, toSeq: 2 }]);
  });

  test("is shown once they are answered, as after they were accepted", async () => {
    const { world, bob, opener } = await waiting();
    await opener.write();
    await bob.send("mallory", "who are you?");
    expect(await told(world, bob)).toMatchObject([{ type: "message", text: "message 1" }]);
    expect((await bob.operations.inbox({})).requests).toEqual([]);
  });

  test("cannot change what was shown of them before, but can take it back", async () => {
    const { world, bob, opener } = await waiting();
    await bob.operations.inbox({ mode: "open" });
    const target = idOf("shown");
    await opener.write({ messageId: target, ...saying({ kind: "text", text: "shown" }) });
    await bob.operations.inbox({ mode: "requests" });
    await opener.write(saying({ kind: "edit", target, text: "not to be shown" }));
    await opener.write(saying({ kind: "reaction", target, emoji: "🎉" }));
    expect(await told(world, bob)).toEqual([expect.objectContaining({ text: "shown" })]);
    await opener.write(saying({ kind: "delete", target }));
    expect(await told(world, bob)).toMatchObject([{ type: "message", text: "", deleted: true }]);
  });

  test("uses their room up with edits as with texts", async () => {
    const at = await attacked();
    await at.opener.openSession();
    const edit = saying({ kind: "edit", target: idOf("any"), text: "x".repeat(LIMITS.textMaxBytes) });
    const most = Math.floor(LIMITS.strangerMaxBytes / edit.body.length);
    for (let count = 0; count < most; count += 1) expect(types(await at.opener.write(edit))).toEqual(["ack"]);
    expect(refusals(await at.opener.write(edit))).toEqual([["QUOTA", null]]);
  });

  test("who was removed has room again, however much they wrote before", async () => {
    const at = await attacked();
    await at.opener.openSession();
    for (let count = 0; count < LIMITS.strangerMaxMessages; count += 1) await at.opener.write();
    await at.bob.operations.contactsRemove({ username: "mallory" });
    await at.world.pass(1000);
    await at.opener.openSession();
    for (let count = 0; count < LIMITS.strangerMaxMessages; count += 1) {
      expect(types(await at.opener.write())).toEqual(["ack"]);
    }
    expect(refusals(await at.opener.write())).toEqual([["QUOTA", null]]);
  });
});

describe("what was taken back", () => {
  test("cannot be changed any more, by either side, and nobody is told of a try", async () => {
    const { world, bob, opener } = await attacked();
    await opener.openSession();
    const target = idOf("regretted");
    await opener.write({ messageId: target, ...saying({ kind: "text", text: "regretted" }) });
    await opener.write(saying({ kind: "edit", target, text: "an edit before" }));
    await opener.write(saying({ kind: "delete", target }));
    await opener.write(saying({ kind: "edit", target, text: "still to be read" }));
    await opener.write(saying({ kind: "reaction", target, emoji: "🎉" }));
    expect(await told(world, bob)).toMatchObject([
      { type: "message", text: "", deleted: true },
      { type: "delete", from: "mallory" },
    ]);
    expect(bob.store.amendments.of(target).map(({ value }) => value)).toEqual(["", ""]);
  });

  test("stays so where the deletion comes first, and keeps nothing of a text that comes again", async () => {
    const { world, bob, opener } = await attacked();
    await opener.openSession();
    const target = idOf("twice");
    await opener.write(saying({ kind: "delete", target }));
    await opener.write(saying({ kind: "edit", target, text: "the secret, edited" }));
    await opener.write({ messageId: target, ...saying({ kind: "text", text: "the secret" }) });
    await opener.write({ messageId: target, ...saying({ kind: "text", text: "the secret" }) });
    expect(await told(world, bob)).toMatchObject([{ type: "delete" }, { type: "message", text: "", deleted: true }]);
    const { conversation } = opener.envelope();
    const kept = bob.store.history.list({ ...EVERYTHING, conversation });
    expect(kept.map(({ text }) => text)).toEqual([""]);
    expect(bob.store.amendments.of(target).map(({ value }) => value)).toEqual(["", ""]);
  });

  const EVERYTHING = { limit: 9, sinceMs: 0, beforeMs: Number.MAX_SAFE_INTEGER, search: undefined, nowMs: 0 };
});

describe("what is said about a message of somebody else's", () => {
  test("is not told, and shows in no conversation", async () => {
    const { world, bob, opener, target, historyWith } = await amongThree();
    const before = await told(world, bob);
    await opener.write(saying({ kind: "reaction", target, emoji: "🎉" }));
    await opener.write(saying({ kind: "edit", target, text: "from mallory" }));
    await opener.write(saying({ kind: "delete", target }));
    expect(await told(world, bob)).toEqual(before);
    expect((await historyWith("alice")).at(-1)).toMatchObject({ text: "from alice" });
    expect((await historyWith("alice")).at(-1)).not.toHaveProperty("reactions");
    expect(bob.store.amendments.of(target)).toEqual([]);
  });

  test("that comes before it shows in no conversation either", async () => {
    const { world, alice, bob, opener, historyWith } = await amongThree();
    world.network.part(alice.self.device, bob.self.device);
    const { id } = await alice.send(bob, "under way");
    await world.settle();
    await opener.write(saying({ kind: "reaction", target: Buffer.from(id, "hex"), emoji: "🎉" }));
    world.network.join(alice.self.device, bob.self.device);
    await world.pass(10 * 60_000);
    expect((await historyWith("alice")).at(-1)).toMatchObject({ text: "under way" });
    expect((await historyWith("alice")).at(-1)).not.toHaveProperty("reactions");
  });

  test("is not forgotten by a message of the same id that expires", async () => {
    const { world, alice, bob, opener, historyWith } = await amongThree();
    const { id } = await bob.send("mallory", "the frist draft");
    await bob.operations.edit({ id, text: "the first draft", wait: "queued", timeoutMs: 0 });
    await world.settle();
    const expiresAt = world.time.nowMs + 1000;
    await opener.write({ messageId: Buffer.from(id, "hex"), ...saying({ kind: "text", text: "x", expiresAt }) });
    world.skip(1000);
    bob.upkeep();
    expect((await historyWith("mallory")).at(-1)).toMatchObject({ id, text: "the first draft", edited: true });
    expect(alice.failures).toEqual([]);
  });
});

describe("the same --id", () => {
  const ASKED = { to: "bob", text: "backup done", id: "nightly", wait: "queued", timeoutMs: 0 } as const;

  test.each<[string, (alice: MessagingPeer, world: MessagingWorld, id: string) => Promise<unknown>]>([
    ["deleted", (alice, _, id) => alice.operations.remove({ id, wait: "queued", timeoutMs: 0 })],
    ["expired", async (alice, world) => [world.skip(60_000), alice.upkeep()]],
  ])("is the same message once its text was %s, and no other text's", async (_, forget) => {
    const world = new MessagingWorld();
    const { alice } = await world.acquainted();
    const { id } = await alice.operations.send({ ...ASKED, expireSeconds: 60 });
    await world.settle();
    await forget(alice, world, id);
    await world.settle();
    expect(await alice.operations.send({ ...ASKED, expireSeconds: 60 })).toMatchObject({ id });
    await expect(alice.operations.send({ ...ASKED, text: "backup failed" })).rejects.toMatchObject({
      code: "ID_CONFLICT",
    });
    expect(alice.store.history.findOwn(Buffer.from(id, "hex"))?.text).toBe("");
  });

  test("is the same message after it was taken back before it left: it is not sent after all", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    world.network.part(alice.self.device, bob.self.device);
    const { id } = await alice.operations.send(ASKED);
    await alice.operations.remove({ id, wait: "queued", timeoutMs: 0 });
    expect(await alice.operations.send(ASKED)).toMatchObject({ id, state: "failed" });
  });
});

describe("what is taken back before it left", () => {
  test("is not told by what it was changed to, either", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    world.network.part(alice.self.device, bob.self.device);
    const wait = { wait: "queued", timeoutMs: 0 } as const;
    const { id } = await alice.send(bob, "regretted");
    const other = await alice.send(bob, "not regretted");
    await alice.operations.edit({ id, text: "regretted, edited", ...wait });
    await alice.operations.edit({ id: other.id, text: "not regretted, edited", ...wait });
    await alice.operations.remove({ id, ...wait });
    expect(alice.store.amendments.of(Buffer.from(id, "hex"))).toEqual([]);
    world.network.join(alice.self.device, bob.self.device);
    await world.pass(10 * 60_000);
    const events = (await told(world, bob)).map((event) => ("text" in event ? event.text : event.type));
    expect(events).toEqual(["hello bob", "not regretted, edited", "not regretted, edited"]);
  });
});
