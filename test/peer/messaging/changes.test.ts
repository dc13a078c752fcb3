import { describe, expect, test } from "vitest";
import type { ChatEvent } from "../../../peer/messaging/operations/feed.ts";
import type { HistoryMessage } from "../../../peer/messaging/operations/messages.ts";
import { directConversation } from "../../../shared/conversation.ts";
import { parseUsername } from "../../../shared/username.ts";
import { expectError } from "../../support/expect-error.ts";
import type { MessagingPeer } from "../../support/messaging-peer.ts";
import { MessagingWorld } from "../../support/messaging-world.ts";

const [ALICE, BOB] = [parseUsername("alice"), parseUsername("bob")];
const EVERYTHING = { limit: 100, sinceMs: 0, beforeMs: Number.MAX_SAFE_INTEGER, search: undefined, nowMs: 0 };
const WAIT = { wait: "queued", timeoutMs: 0 } as const;
const DAY = 24 * 60 * 60_000;

async function talking() {
  const world = new MessagingWorld();
  const { alice, bob } = await world.acquainted();
  const { id } = await alice.send(bob, "the frist draft");
  await world.settle();
  return { world, alice, bob, id };
}

async function last(peer: MessagingPeer, other: MessagingPeer): Promise<HistoryMessage | undefined> {
  const { messages } = await peer.operations.history({ with: other.person.username });
  return messages.at(-1);
}

/** What a reader of the feed is told next, from a cursor on. */
async function events(peer: MessagingPeer, count: number, options: { since?: number } = {}) {
  const found: ChatEvent[] = [];
  const stop = new AbortController();
  for await (const event of peer.feed.events({ ...options, signal: stop.signal })) {
    found.push(event);
    if (found.length === count) break;
  }
  return found;
}

describe("an edit", () => {
  test("shows the new text on both sides, and tells whoever listens", async () => {
    const { world, alice, bob, id } = await talking();
    await alice.operations.edit({ id, text: "the first draft", ...WAIT });
    await world.settle();
    expect(await last(bob, alice)).toMatchObject({ id, text: "the first draft", edited: true });
    expect(await last(alice, bob)).toMatchObject({ id, text: "the first draft", edited: true });
    expect((await events(bob, 3)).at(-1)).toMatchObject({ type: "edit", id, from: "alice", text: "the first draft" });
  });

  test("reaches who waits for it at once, and not with whatever comes next", async () => {
    const { world, alice, bob, id } = await talking();
    const told = events(bob, 1, { since: 2 });
    await alice.operations.edit({ id, text: "the first draft", ...WAIT });
    await world.settle();
    const late = new Promise((resolve) => setImmediate(resolve, "nothing was told"));
    expect(await Promise.race([told, late])).toMatchObject([{ type: "edit", id }]);
  });

  test("of another's message changes nothing", async () => {
    const { world, alice, bob, id } = await talking();
    await expectError(bob.operations.edit({ id, text: "mine now", ...WAIT }), "MESSAGE_UNKNOWN");
    const theirs = { kind: "edit", target: Buffer.from(id, "hex"), text: "mine now" } as const;
    const contact = bob.contact(alice);
    if (contact === undefined) throw new Error("they are acquainted");
    const { Acceptor } = await import("../../../peer/messaging/outbound/accept-message.ts");
    await new Acceptor(bob.core).accept({ to: contact, content: theirs });
    bob.delivery.deliver(contact.username, contact.devices);
    await world.settle();
    expect(await last(alice, bob)).toMatchObject({ id, text: "the frist draft" });
    expect(await last(bob, alice)).toMatchObject({ id, text: "the frist draft" });
  });

  test("of no message, or of what is no id, is refused", async () => {
    const { alice } = await talking();
    await expectError(alice.operations.edit({ id: "0".repeat(32), text: "x", ...WAIT }), "MESSAGE_UNKNOWN");
    await expectError(alice.operations.edit({ id: "nonsense", text: "x", ...WAIT }), "USAGE");
  });
});

describe("a deletion", () => {
  test("leaves nothing of the text, nor of what it was changed to, on either disk", async () => {
    const { world, alice, bob, id } = await talking();
    await alice.operations.edit({ id, text: "the second draft", ...WAIT });
    await world.settle();
    await alice.operations.remove({ id, ...WAIT });
    await world.settle();
    for (const [peer, other] of [
      [alice, bob],
      [bob, alice],
    ] as const) {
      const shown = await last(peer, other);
      expect(shown).toMatchObject({ id, text: "", deleted: true });
      expect(shown).not.toHaveProperty("edited");
      const entries = peer.store.history.list({ ...EVERYTHING, conversation: directConversation(ALICE, BOB) });
      expect(entries.map(({ text }) => text)).not.toContain("the frist draft");
      expect(peer.store.amendments.of(Buffer.from(id, "hex")).map(({ value }) => value)).toEqual(["", ""]);
    }
  });

  test("of what has not left is a cancellation of which nobody hears", async () => {
    const { world, alice, bob } = await talking();
    world.network.part(alice.self.device, bob.self.device);
    const { id } = await alice.send(bob, "regretted");
    await world.settle();
    expect((await alice.operations.remove({ id, ...WAIT })).id).toBe(id);
    expect((await last(alice, bob))?.text).toBe("the frist draft");
  });

  test("that comes before the message it is about holds all the same", async () => {
    const { bob, alice, id } = await talking();
    const target = Buffer.from(id, "hex");
    bob.store.transaction(() =>
      bob.store.amendments.save(target, { kind: "delete", author: alice.person.username, value: "" }),
    );
    expect(await last(bob, alice)).toMatchObject({ text: "", deleted: true });
  });
});

describe("a reaction", () => {
  test("is shown with the message, replaced by the next, and taken back", async () => {
    const { world, alice, bob, id } = await talking();
    for (const emoji of ["👍", "🎉"]) {
      await bob.operations.react({ id, emoji, ...WAIT });
      await world.settle();
    }
    expect(await last(alice, bob)).toMatchObject({ reactions: [{ from: "bob", emoji: "🎉" }] });
    await alice.operations.react({ id, emoji: "❤", ...WAIT });
    await bob.operations.react({ id, emoji: "", ...WAIT });
    await world.settle();
    expect(await last(bob, alice)).toMatchObject({ reactions: [{ from: "alice", emoji: "❤" }] });
  });

  test("is a reaction, not a text", async () => {
    const { alice, id } = await talking();
    await expectError(alice.operations.react({ id, emoji: "x".repeat(33), ...WAIT }), "MESSAGE_TOO_LARGE");
  });
});

describe("an answer", () => {
  test("says which message it answers", async () => {
    const { world, alice, bob, id } = await talking();
    await bob.operations.send({ to: "alice", text: "which one?", replyTo: id, ...WAIT });
    await world.settle();
    expect(await last(alice, bob)).toMatchObject({ text: "which one?", replyTo: id });
    await expectError(bob.operations.send({ to: "alice", text: "x", replyTo: "no id", ...WAIT }), "USAGE");
  });
});

describe("a message that expires", () => {
  test("is forgotten on both sides, by its own time or by what is set for the contact", async () => {
    const { world, alice, bob } = await talking();
    await alice.operations.send({ to: "bob", text: "for an hour", expireSeconds: 3600, ...WAIT });
    await alice.operations.contactsSet({ username: "bob", expireSeconds: 7200 });
    await alice.send(bob, "for two hours");
    await world.settle();
    expect((await last(bob, alice))?.expiresAt).toBe(new Date(world.time.nowMs + 7_200_000).toISOString());
    world.skip(3_600_000);
    for (const peer of [alice, bob]) peer.upkeep();
    expect((await alice.operations.history({ with: "bob" })).messages.map(({ text }) => text)).toEqual([
      "hello bob",
      "hello alice",
      "the frist draft",
      "for two hours",
    ]);
    world.skip(3_600_000);
    for (const peer of [alice, bob]) peer.upkeep();
    expect(await last(bob, alice)).toMatchObject({ text: "the frist draft" });
    await alice.operations.contactsSet({ username: "bob", expireSeconds: null });
    await alice.send(bob, "for good");
    await world.settle();
    expect(await last(bob, alice)).not.toHaveProperty("expiresAt");
  });

  test("does not leave any more once its time is over", async () => {
    const { world, alice, bob } = await talking();
    world.network.part(alice.self.device, bob.self.device);
    await alice.operations.send({ to: "bob", text: "too late", expireSeconds: 60, ...WAIT });
    await world.settle();
    world.skip(DAY);
    alice.upkeep();
    world.network.join(alice.self.device, bob.self.device);
    await world.pass(10 * 60_000);
    expect(bob.inbox()).toEqual(["hello bob", "the frist draft"]);
    expect(alice.outbox()).toEqual([]);
  });
});

describe("a message that was refused, and then expires", () => {
  test("leaves the outbox too: nothing of it is kept to be tried again", async () => {
    const world = new MessagingWorld();
    const [alice, bob] = [await world.start("alice"), await world.start("bob")];
    await bob.operations.inbox({ mode: "contacts" });
    const { id } = await alice.operations.send({ to: "bob", text: "for a minute", expireSeconds: 60, ...WAIT });
    await world.settle();
    const kept = () => alice.store.outbox.ofMessage(Buffer.from(id, "hex"));
    const isThere = () => kept().some(({ plaintext }) => Buffer.from(plaintext).includes("for a minute"));
    expect([isThere(), kept()]).toMatchObject([true, [{ state: "failed", error: "QUOTA" }]]);
    world.skip(60_000);
    alice.upkeep();
    expect([isThere(), kept()]).toMatchObject([false, [{ state: "failed", tombstone: true }]]);
    expect((await alice.operations.outboxList()).items).toEqual([]);
    await bob.operations.inbox({ mode: "open" });
    expect(await alice.operations.outboxRetry({})).toEqual({ retried: 0 });
    await alice.send(bob, "later");
    await world.pass(10_000);
    expect(bob.inbox()).toEqual([1, "later"]);
  });
});

describe("read marks", () => {
  test("are sent only where the user wants it, once, and move the state on", async () => {
    const { world, alice, bob, id } = await talking();
    const state = () => alice.store.outbox.stateOf(Buffer.from(id, "hex"));
    expect(await bob.operations.markRead({ with: "alice" })).toEqual({ told: 0 });
    await world.settle();
    expect(state()).toBe("stored");
    await alice.send(bob, "and this?");
    await world.settle();
    await bob.operations.contactsSet({ username: "alice", readMarks: true });
    expect(await bob.operations.markRead({ with: "alice" })).toEqual({ told: 1 });
    await world.settle();
    expect((await last(alice, bob))?.state).toBe("displayed");
    expect(await bob.operations.markRead({ with: "alice" })).toEqual({ told: 0 });
    expect(state()).toBe("stored");
  });

  test("of somebody else's messages mark nothing", async () => {
    const { world, alice, bob, id } = await talking();
    const carol = await world.start("carol");
    await carol.send(alice, "hello from carol");
    await world.settle();
    const contact = carol.contact(alice);
    if (contact === undefined) throw new Error("carol wrote to alice");
    const { Acceptor } = await import("../../../peer/messaging/outbound/accept-message.ts");
    await new Acceptor(carol.core).accept({
      to: contact,
      content: { kind: "read", targets: [Buffer.from(id, "hex")] },
    });
    carol.delivery.deliver(contact.username, contact.devices);
    await world.settle();
    expect(alice.store.outbox.stateOf(Buffer.from(id, "hex"))).toBe("stored");
    expect((await last(alice, bob))?.state).toBe("stored");
  });
});

describe("strangers", () => {
  async function stranger(mode: "open" | "requests" | "contacts") {
    const world = new MessagingWorld();
    const [alice, bob] = [await world.start("alice"), await world.start("bob")];
    await bob.operations.inbox({ mode });
    const sent = await alice.send(bob, "you do not know me");
    await world.settle();
    return { world, alice, bob, sent };
  }

  test("are shown in an open inbox", async () => {
    const { bob } = await stranger("open");
    expect(bob.inbox()).toEqual(["you do not know me"]);
    expect(await bob.operations.inbox({})).toEqual({ mode: "open", requests: [] });
  });

  test("wait unseen where requests are held, until they are accepted", async () => {
    const { world, alice, bob, sent } = await stranger("requests");
    await alice.send(bob, "are you there?");
    await world.settle();
    expect(bob.inbox()).toEqual([]);
    expect((await bob.operations.history({ with: "alice" })).messages).toEqual([]);
    expect(await bob.operations.inbox({})).toEqual({
      mode: "requests",
      requests: [{ username: "alice", messages: 2 }],
    });
    expect(alice.store.outbox.stateOf(Buffer.from(sent.id, "hex"))).toBe("stored");
    const again = world.restart(bob);
    await again.operations.contactsAccept({ username: "alice" });
    expect(again.inbox()).toEqual(["you do not know me", "are you there?"]);
    expect((await again.operations.inbox({})).requests).toEqual([]);
    await alice.send(again, "good");
    await world.settle();
    expect(again.inbox()).toEqual(["you do not know me", "are you there?", "good"]);
  });

  test("are refused where only contacts may write, and nothing of theirs is kept", async () => {
    const { alice, bob, sent } = await stranger("contacts");
    expect(bob.inbox()).toEqual([]);
    expect(bob.store.inbox.usage(alice.person.username)).toEqual({ messages: 0, bytes: 0 });
    expect(alice.store.outbox.stateOf(Buffer.from(sent.id, "hex"))).toBe("failed");
    expect(alice.outbox()).toMatchObject([{ error: "QUOTA" }]);
  });
});
