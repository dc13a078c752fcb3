import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { viewMessage } from "../../../peer/messaging/message-view.ts";
import type { ChatEvent } from "../../../peer/messaging/operations/feed.ts";
import { encodeCbor } from "../../../shared/cbor.ts";
import { type Content, decodeContent, encodeContent } from "../../../shared/content.ts";
import { isChatError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { attacked } from "../../support/attacked-peer.ts";
import { HostileOpener, refusals, types } from "../../support/hostile-opener.ts";
import type { MessagingPeer } from "../../support/messaging-peer.ts";
import { MessagingWorld } from "../../support/messaging-world.ts";
import { bob as BOB, inbound, openedStore } from "../../support/opened-store.ts";
import { personOf } from "../../support/people.ts";

/** An envelope's kind and body. */
function saying(content: Content) {
  return { kind: content.kind, body: encodeContent(content) };
}

const idOf = (text: string) => Buffer.from(text.padEnd(LIMITS.messageIdBytes)).subarray(0, LIMITS.messageIdBytes);

/** Everything that a listener is told, from the beginning. */
async function told(world: MessagingWorld, peer: MessagingPeer): Promise<readonly ChatEvent[]> {
  const stop = new AbortController();
  const found: ChatEvent[] = [];
  const reading = (async () => {
    for await (const event of peer.feed.events({ since: 0, signal: stop.signal })) found.push(event);
  })();
  await world.settle();
  stop.abort();
  await reading;
  return found;
}

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

describe("times that no calendar has", () => {
  test("are refused, and what comes after them is shown", async () => {
    const { world, bob, opener } = await attacked();
    await opener.openSession();
    const { session } = opener;
    const body = encodeCbor({ text: "x", expiresAt: 9_000_000_000_000_000 });
    expect(refusals(await opener.write({ body }))).toEqual([["ENVELOPE_INVALID", "schema"]]);
    opener.session = session;
    const far = { kind: "text", text: "for long", expiresAt: 253_402_300_799_999 } as const;
    expect(types(await opener.write({ ...saying(far), prevHash: null }))).toEqual(["ack"]);
    const tenYearsMs = LIMITS.textLifetimeMaxSeconds * 1000;
    const expiresAt = new Date(world.time.nowMs + tenYearsMs).toISOString();
    expect(await told(world, bob)).toMatchObject([{ text: "for long", expiresAt }]);
  });

  test("are in nothing that a decoder takes: what it takes can be shown", () => {
    const store = openedStore();
    const bodies = fc.oneof(
      fc.record({ text: fc.string(), expiresAt: fc.oneof(fc.maxSafeInteger(), fc.double()) }),
      fc.record({ text: fc.string(), replyTo: fc.uint8Array({ minLength: 15, maxLength: 17 }) }),
    );
    fc.assert(
      fc.property(bodies, fc.integer({ min: 0, max: 8.64e15 }), (body, sentAtMs) => {
        const content = decoded(body);
        if (content?.kind !== "text") return;
        const { text, expiresAt: expiresAtMs } = content;
        const place = { cursor: 1, gapBefore: 0, readable: true, change: false };
        const message = { ...inbound(1), text, content, sentAtMs, expiresAtMs, ...place };
        expect(viewMessage(store, message, BOB.username).text).toBe(text);
      }),
    );
  });

  function decoded(body: object): Content | undefined {
    try {
      return decodeContent("text", encodeCbor(body));
    } catch (error) {
      if (isChatError(error, "ENVELOPE_INVALID")) return undefined;
      throw error;
    }
  }
});

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

describe("a message that has expired", () => {
  test("is shown to nobody, though nobody has forgotten it yet, nor what it was changed to", async () => {
    const { world, bob, opener } = await attacked();
    await opener.openSession();
    const [target, expiresAt] = [idOf("short"), world.time.nowMs + 60_000];
    await opener.write({ messageId: target, ...saying({ kind: "text", text: "short", expiresAt }) });
    await opener.write(saying({ kind: "edit", target, text: "short, edited" }));
    expect(await told(world, bob)).toHaveLength(2);
    world.skip(60_000);
    expect(await told(world, bob)).toEqual([]);
    expect((await bob.operations.history({ with: "mallory" })).messages).toEqual([]);
    bob.upkeep();
    expect(await told(world, bob)).toEqual([]);
    expect(bob.store.amendments.of(target)).toEqual([]);
  });

  test("is changed no more", async () => {
    const { world, bob, opener } = await attacked();
    await opener.openSession();
    const [target, expiresAt] = [idOf("short"), world.time.nowMs + 60_000];
    await opener.write({ messageId: target, ...saying({ kind: "text", text: "short", expiresAt }) });
    for (const forget of [() => undefined, () => bob.upkeep()]) {
      world.skip(60_000);
      forget();
      await opener.write(saying({ kind: "edit", target, text: "kept for good" }));
      await opener.write(saying({ kind: "reaction", target, emoji: "🎉" }));
      expect(await told(world, bob)).toEqual([]);
    }
    expect(bob.store.amendments.of(target)).toEqual([]);
  });

  test("of one's own can be neither edited nor reacted to, and an edit on its way is forgotten with it", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const wait = { wait: "queued", timeoutMs: 0 } as const;
    const { id } = await alice.operations.send({ to: "bob", text: "for an hour", expireSeconds: 3600, ...wait });
    await world.settle();
    world.network.part(alice.self.device, bob.self.device);
    await alice.operations.edit({ id, text: "for an hour, edited", ...wait });
    await world.settle();
    world.skip(3_600_000);
    for (const change of [
      () => alice.operations.edit({ id, text: "for good", ...wait }),
      () => alice.operations.react({ id, emoji: "👍", ...wait }),
    ]) {
      await expect(change()).rejects.toMatchObject({ code: "MESSAGE_UNKNOWN" });
    }
    alice.upkeep();
    expect(alice.outbox()).toMatchObject([{ tombstone: true }]);
    expect(alice.store.amendments.of(Buffer.from(id, "hex"))).toEqual([]);
    await expect(alice.operations.edit({ id, text: "for good", ...wait })).rejects.toMatchObject({
      code: "MESSAGE_UNKNOWN",
    });
  });

  test("under way is not forgotten unread: it lasts from its arrival as long as it was meant to", async () => {
    const { world, bob, opener } = await attacked();
    await opener.openSession();
    const sentAt = world.time.nowMs - 86_400_000;
    const late = { kind: "text", text: "late", expiresAt: sentAt + 3_600_000 } as const;
    await opener.write({ sentAt, ...saying(late) });
    world.skip(3_599_999);
    expect(await told(world, bob)).toMatchObject([{ text: "late" }]);
    world.skip(1);
    expect(await told(world, bob)).toEqual([]);
  });
});

test("a text lasts by the naming server's clock, whatever the computer's says", async () => {
  const world = new MessagingWorld();
  const alice = await world.start("alice", { clockOffsetMs: 86_400_000 });
  const bob = await world.start("bob", { clockOffsetMs: 86_400_000 });
  await alice.operations.send({ to: "bob", text: "for an hour", expireSeconds: 3600, wait: "queued", timeoutMs: 0 });
  await world.settle();
  const expiresAt = new Date(world.time.nowMs + 86_400_000 + 3_600_000).toISOString();
  expect(await told(world, bob)).toMatchObject([{ text: "for an hour", expiresAt }]);
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
