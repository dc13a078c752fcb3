import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { ChatEvent } from "../../../../peer/messaging/operations/feed.ts";
import type { Entry } from "../../../../peer/messaging/operations/tokens.ts";
import type { Operations } from "../../../../peer/messaging/operations.ts";
import { expectError } from "../../../support/expect-error.ts";
import type { MessagingPeer } from "../../../support/messaging-peer.ts";
import { acquainted, enterAs, NOW, outcomes, type Wish } from "../../../support/token-holders.ts";

async function take<T>(events: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  for await (const event of events) if (taken.push(event) === count) break;
  return taken;
}

describe("a token", () => {
  test("is shown once, has 256 bits, and leaves no trace of itself on the disk", async () => {
    const { world, alice } = await acquainted();
    const { token, ...view } = await alice.operations.tokenCreate({
      can: ["send:bob"],
      name: "backup",
      expireSeconds: 60,
    });
    expect(token).toMatch(/^p2pchat_[A-Za-z0-9_-]{43}$/);
    expect((await alice.operations.tokenList()).tokens).toEqual([view]);
    expect(view).toMatchObject({ name: "backup", can: ["send:bob"], rate: "600/m", lastUsedAt: null });
    const path = world.databaseOf(alice.person);
    const disk = Buffer.concat([path, `${path}-wal`].map((file) => readFileSync(file)));
    for (const canary of [token, "backup", "send:bob"]) expect(disk.includes(canary)).toBe(false);
  });

  test("lets its holder send, and notes that without the text", async () => {
    const { world, alice, bob } = await acquainted();
    const entry = await enterAs(alice, { name: "backup" });
    await entry.operations.send({ to: "Bob", text: "canary of mine", ...NOW });
    await world.settle();
    expect(bob.inbox()).toEqual(["hello bob", "canary of mine"]);
    expect(await outcomes(alice)).toEqual(["backup authenticate - ok", "backup send bob ok"]);
    expect(JSON.stringify(await alice.operations.tokenLog({}))).not.toContain("canary");
    expect((await alice.operations.tokenList()).tokens[0]?.lastUsedAt).not.toBeNull();
  });

  test("works again after a restart, and its log is still there", async () => {
    const { world, alice } = await acquainted();
    const { secret } = await enterAs(alice, { name: "backup" });
    const again = world.restart(alice);
    expect(again.access.authenticate(secret).token.name).toBe("backup");
    expect(await outcomes(again)).toHaveLength(2);
  });

  test("has keys of messages of its own", async () => {
    const { world, alice, bob } = await acquainted();
    const own = await alice.send(bob, "report", "nightly");
    const [one, other] = [await enterAs(alice, {}), await enterAs(alice, {})];
    const send = ({ operations }: Entry) => operations.send({ to: "bob", text: "report", id: "nightly", ...NOW });
    const [first, again, second] = [await send(one), await send(one), await send(other)];
    await world.settle();
    expect(again.id).toBe(first.id);
    expect(new Set([own.id, first.id, second.id]).size).toBe(3);
  });
});

describe("a wrong token", () => {
  const wrong = [
    ["nothing", () => ""],
    ["another", () => `p2pchat_${"A".repeat(43)}`],
    ["all but its last letter", (token: string) => token.slice(0, -1)],
    ["it without its prefix", (token: string) => token.slice("p2pchat_".length)],
    ["it with a space", (token: string) => `${token} `],
    ["the hash of it", (_: string, hash: string) => hash],
  ] as const;
  test.each(wrong)("is %s: nobody gets in, and the owner can see it", async (_, alter) => {
    const { alice } = await acquainted();
    const { token } = await alice.operations.tokenCreate({ can: ["send:*"] });
    const hash = Buffer.from(alice.store.tokens.list()[0]?.hash ?? []).toString("hex");
    await expectError(() => alice.access.authenticate(alter(token, hash)), "TOKEN_INVALID");
    expect(await outcomes(alice)).toEqual(["nobody authenticate - TOKEN_INVALID"]);
  });

  test("in a flood is noted ten times a minute, and keeps no right one out", async () => {
    const { world, alice } = await acquainted();
    const { token } = await alice.operations.tokenCreate({ can: ["send:bob"], name: "backup" });
    for (let n = 0; n < 10; n += 1) await expectError(() => alice.access.authenticate(`${n}`), "TOKEN_INVALID");
    for (let n = 0; n < 50; n += 1) {
      const { details } = await expectError(() => alice.access.authenticate(`${n}`), "RATE_LIMITED");
      expect(details).toEqual({ retryAfterMs: 60_000 });
    }
    expect(alice.access.authenticate(token).token.name).toBe("backup");
    expect(await outcomes(alice)).toHaveLength(11);
    world.time.pass(60_000);
    await expectError(() => alice.access.authenticate("x"), "TOKEN_INVALID");
  });
});

describe("what a token does not allow is FORBIDDEN", () => {
  test("every operation, with a token for nothing but somebody else", async () => {
    const { world, alice, bob } = await acquainted();
    await alice.send(bob, "mine");
    await world.settle();
    const entry = await enterAs(alice, { can: ["send:zoe", "read:zoe"], name: "bot" });
    const before = await stateOf(alice);
    const params = { to: "bob", with: "bob", username: "bob", id: "0".repeat(32), text: "x", emoji: "x", token: "bot" };
    const names = Object.keys(alice.operations) as (keyof Operations)[];
    for (const name of names) {
      const operation = entry.operations[name] as (given: object) => Promise<unknown>;
      await expectError(
        operation({ ...params, ...NOW, blocked: true, can: ["send:*"], mode: "contacts" }),
        "FORBIDDEN",
      );
    }
    await expectError(() => entry.presence.events(new AbortController().signal), "FORBIDDEN");
    await world.settle();
    expect(await stateOf(alice)).toEqual(before);
    expect(bob.inbox()).toEqual(["hello bob", "mine"]);
    expect(await outcomes(alice)).toHaveLength(names.length + 2);
    expect(await outcomes(alice)).toContain("bot send bob FORBIDDEN");
  });

  test("sending, for one who may read; reading, for one who may send", async () => {
    const { alice } = await acquainted();
    const reader = await enterAs(alice, { can: ["read:*", "status"] });
    await expectError(reader.operations.send({ to: "bob", text: "x", ...NOW }), "FORBIDDEN");
    expect((await reader.operations.history({ with: "bob" })).messages).not.toEqual([]);
    expect(await reader.operations.whoami()).toMatchObject({ username: "alice" });
    const sender = await enterAs(alice, { can: ["send:*"] });
    await expectError(sender.operations.history({ with: "bob" }), "FORBIDDEN");
    await expectError(sender.operations.status(), "FORBIDDEN");
    const { signal } = new AbortController();
    await expectError(() => sender.feed.events({ since: 0, signal }), "FORBIDDEN");
    await expectError(sender.feed.consume({ consumer: "listen" }), "FORBIDDEN");
  });

  async function stateOf({ operations }: MessagingPeer) {
    const [contacts, outbox, inbox, tokens, talk] = await Promise.all([
      operations.contactsList(),
      operations.outboxList(),
      operations.inbox({}),
      operations.tokenList(),
      operations.history({ with: "bob" }),
    ]);
    return { contacts, outbox, inbox, tokens: tokens.tokens.map(({ name }) => name), talk };
  }
});

describe("events", () => {
  test("are those of whom a token may read", async () => {
    const { world, alice, bob } = await acquainted();
    const carol = await world.start("carol");
    await carol.send(bob, "secret of carol");
    await alice.send(bob, "for the bot");
    await world.settle();
    const entry = await enterAs(bob, { can: ["read:alice"] });
    const { signal } = new AbortController();
    const taken = take(entry.feed.events({ since: 0, signal }), 3);
    await world.settle();
    for (const username of ["carol", "alice"]) bob.feed.emit({ type: "presence", username, online: true });
    bob.feed.emit({ type: "error", code: "STORAGE", message: "the owner's own trouble" });
    const told = await taken;
    expect(told.pop()).toEqual({ type: "presence", username: "alice", online: true });
    expect(told.map((event) => textOf(event))).toEqual(["hello bob", "for the bot"]);
  });

  test("have one durable place for each token, apart from the owner's", async () => {
    const { world, alice, bob } = await acquainted();
    await alice.send(bob, "one");
    await world.settle();
    const entry = await enterAs(bob, { can: ["read:alice"] });
    const ending = new AbortController();
    const consumer = await entry.feed.consume({ consumer: "listen" });
    const [first] = await take(consumer.events(ending.signal), 1);
    await consumer.acknowledge(first && "cursor" in first ? first.cursor : 0);
    await expectError(entry.feed.consume({ consumer: "another" }), "PROFILE_BUSY", "consumer");
    consumer.close();
    expect(bob.store.cursors.get("listen")).toBeUndefined();
    const next = await entry.feed.consume({ consumer: "another" });
    expect((await take(next.events(ending.signal), 1)).map((event) => textOf(event))).toEqual(["one"]);
  });

  function textOf(event: ChatEvent): string | undefined {
    return event.type === "message" ? event.text : undefined;
  }
});

describe("the owner is refused", () => {
  const refused: [string, Wish][] = [
    ["a token for nothing", { can: [] }],
    ["an unknown capability", { can: ["delete:bob"] }],
    ["a rate that is none", { rate: "10" }],
    ["a name with an escape sequence", { name: "\u001b[2J" }],
    ["a name that is taken", { name: "taken" }],
  ];
  test.each(refused)("%s, and none is made", async (_, wish) => {
    const { alice } = await acquainted();
    await alice.operations.tokenCreate({ can: ["status"], name: "taken" });
    await expectError(alice.operations.tokenCreate({ can: ["status"], ...wish }), "USAGE");
    expect((await alice.operations.tokenList()).tokens.map(({ name }) => name)).toEqual(["taken"]);
  });

  test("more than 64 tokens, and unknown ones to revoke", async () => {
    const { alice } = await acquainted();
    for (let n = 0; n < 64; n += 1) await alice.operations.tokenCreate({ can: ["status"] });
    await expectError(alice.operations.tokenCreate({ can: ["status"] }), "QUOTA", "tokens");
    await expectError(alice.operations.tokenRevoke({ token: "nobody" }), "USAGE", "token-unknown");
    await expectError(alice.operations.tokenLog({ token: "nobody" }), "USAGE", "token-unknown");
    expect((await alice.operations.tokenList()).tokens).toHaveLength(64);
  });
});
