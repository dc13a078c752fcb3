import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { viewMessage } from "../../../peer/messaging/feed/message-view.ts";
import { encodeCbor } from "../../../shared/cbor.ts";
import { type Content, decodeContent } from "../../../shared/content.ts";
import { isChatError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { attacked } from "../../support/attacked-peer.ts";
import { refusals, types } from "../../support/hostile-opener.ts";
import { MessagingWorld } from "../../support/messaging-world.ts";
import { bob as BOB, inbound, openedStore } from "../../support/opened-store.ts";
import { idOf, saying, told } from "../../support/told-changes.ts";

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
