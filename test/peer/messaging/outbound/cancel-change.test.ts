import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { bobAway } from "../../../support/mailbox-world.ts";
import type { MessagingPeer } from "../../../support/messaging-peer.ts";
import { MessagingWorld } from "../../../support/messaging-world.ts";

const WAIT = { wait: "queued", timeoutMs: 0 } as const;
const DAY_MS = 24 * 60 * 60_000;
const ORIGINAL = { text: "one", edited: false, reactions: [] };

/** Alice has written "one", which Bob has; from then on she cannot reach him, until `join`. */
async function apart() {
  const world = new MessagingWorld();
  const { alice, bob } = await world.acquainted();
  const { id } = await alice.send(bob, "one");
  await world.settle();
  world.network.part(alice.self.device, bob.self.device);
  return {
    ...{ world, alice, bob, id },
    edit: async (text: string) => (await alice.operations.edit({ id, text, ...WAIT })).id,
    react: async (emoji: string) => (await alice.operations.react({ id, emoji, ...WAIT })).id,
    cancel: (change: string) => alice.operations.outboxCancel({ id: change }),
    async join() {
      world.network.join(alice.self.device, bob.self.device);
      await world.pass(10 * 60_000);
    },
  };
}

async function seenBy(peer: MessagingPeer, other: string) {
  const { messages } = await peer.operations.history({ with: other });
  const { text, edited = false, reactions = [] } = messages.at(-1) ?? {};
  return { text, edited, reactions: reactions.map(({ emoji }) => emoji) };
}

/** How many former words are on a peer's disk. */
function keptBy({ databasePath }: MessagingPeer): number {
  using database = new DatabaseSync(databasePath, { readOnly: true });
  return Number(database.prepare("SELECT count(*) AS rows FROM former_words").get()?.["rows"]);
}

describe("a change that is cancelled before it left", () => {
  test("leaves the message as it was, on both sides, and nothing of itself on the disk", async () => {
    const { alice, bob, edit, cancel, join } = await apart();
    const change = await edit("two");
    expect(await seenBy(alice, "bob")).toEqual({ ...ORIGINAL, text: "two", edited: true });
    expect(await cancel(change)).toEqual({ cancelled: 1, withdrawn: false });
    expect([await seenBy(alice, "bob"), keptBy(alice)]).toEqual([ORIGINAL, 0]);
    await join();
    expect([await seenBy(alice, "bob"), await seenBy(bob, "alice")]).toEqual([ORIGINAL, ORIGINAL]);
    expect([...alice.outbox(), ...alice.failures, ...bob.failures]).toEqual([]);
  });

  test("takes away a reaction, or puts the one before in its place", async () => {
    const { alice, bob, react, cancel, join } = await apart();
    const first = await react("a");
    const second = await react("b");
    await cancel(second);
    expect((await seenBy(alice, "bob")).reactions).toEqual(["a"]);
    await cancel(first);
    expect([await seenBy(alice, "bob"), keptBy(alice)]).toEqual([ORIGINAL, 0]);
    await join();
    expect(await seenBy(bob, "alice")).toEqual(ORIGINAL);
  });

  test.each([
    [
      [0, 1, 2],
      ["four", "four", "one"],
    ],
    [
      [2, 1, 0],
      ["three", "two", "one"],
    ],
    [
      [1, 2, 0],
      ["four", "two", "one"],
    ],
    [
      [1, 0, 2],
      ["four", "four", "one"],
    ],
  ])("is passed over by those before and behind it, cancelled in the order %j", async (order, expected) => {
    const { alice, edit, cancel } = await apart();
    const changes = [await edit("two"), await edit("three"), await edit("four")];
    const seen: unknown[] = [];
    for (const index of order) {
      await cancel(changes[index] ?? "");
      seen.push((await seenBy(alice, "bob")).text);
    }
    expect([seen, await seenBy(alice, "bob"), keptBy(alice)]).toEqual([expected, ORIGINAL, 0]);
  });

  test("goes back to what was delivered", async () => {
    const { world, alice, bob, edit, cancel, join } = await apart();
    await edit("two");
    await join();
    world.network.part(alice.self.device, bob.self.device);
    await cancel(await edit("three"));
    const expected = { ...ORIGINAL, text: "two", edited: true };
    expect([await seenBy(alice, "bob"), await seenBy(bob, "alice")]).toEqual([expected, expected]);
  });

  test("leaves nothing of a message that was deleted or cancelled since", async () => {
    const { alice, id, edit, cancel } = await apart();
    const change = await edit("two");
    await alice.operations.remove({ id, ...WAIT });
    expect(keptBy(alice)).toBe(0);
    await cancel(change);
    expect((await seenBy(alice, "bob")).text).toBe("");
    const { id: other } = await alice.operations.send({ to: "bob", text: "other", ...WAIT });
    await alice.operations.edit({ id: other, text: "changed", ...WAIT });
    await cancel(other);
    expect(keptBy(alice)).toBe(0);
  });
});

describe("what a change took the place of", () => {
  test("is erased once a device has stored the change", async () => {
    const { alice, bob, edit, react, join } = await apart();
    await edit("two");
    await react("a");
    expect(keptBy(alice)).toBe(2);
    await join();
    expect(await seenBy(bob, "alice")).toEqual({ text: "two", edited: true, reactions: ["a"] });
    expect(keptBy(alice)).toBe(0);
  });

  test("is erased once the change is given up: what it says stays", async () => {
    const { world, alice, edit } = await apart();
    await edit("two");
    world.skip(30 * DAY_MS + 1);
    alice.upkeep();
    expect([(await seenBy(alice, "bob")).text, keptBy(alice)]).toEqual(["two", 0]);
  });

  test("is forgotten with a message that expires", async () => {
    const { world, alice } = await apart();
    const { id } = await alice.operations.send({ to: "bob", text: "brief", expireSeconds: 60, ...WAIT });
    await alice.operations.edit({ id, text: "changed", ...WAIT });
    expect(keptBy(alice)).toBe(1);
    world.skip(61_000);
    alice.upkeep();
    expect(keptBy(alice)).toBe(0);
  });

  test("does not come back where the change lies in a mailbox: they will read it", async () => {
    const { world, alice } = await bobAway();
    const { id } = await alice.send("bob", "one");
    const { id: change } = await alice.operations.edit({ id, text: "two", ...WAIT });
    await world.pass(5000);
    expect(await alice.operations.outboxCancel({ id: change })).toEqual({ cancelled: 1, withdrawn: false });
    expect([(await seenBy(alice, "bob")).text, keptBy(alice)]).toEqual(["two", 0]);
  });
});
