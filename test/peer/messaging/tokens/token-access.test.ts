import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { ChatEvent } from "../../../../peer/messaging/operations/feed.ts";
import type { Entry } from "../../../../peer/messaging/operations/tokens.ts";
import type { Operations } from "../../../../peer/messaging/operations.ts";
import { expectError } from "../../../support/expect-error.ts";
import type { MessagingPeer } from "../../../support/messaging-peer.ts";
import { MessagingWorld } from "../../../support/messaging-world.ts";

const NOW = { wait: "queued", timeoutMs: 0 } as const;

async function acquainted() {
  const world = new MessagingWorld();
  const { alice, bob } = await world.acquainted();
  return { world, alice, bob };
}

type Wish = Partial<Parameters<Operations["tokenCreate"]>[0]>;

async function enterAs(peer: MessagingPeer, wish: Wish): Promise<Entry & { readonly secret: string }> {
  const { token: secret } = await peer.operations.tokenCreate({ can: ["send:bob"], ...wish });
  return { ...peer.access.authenticate(secret), secret };
}

async function outcomes(peer: MessagingPeer): Promise<string[]> {
  const { entries } = await peer.operations.tokenLog({});
  return entries.map(({ token, method, person, outcome }) =>
    [token?.name ?? "nobody", method, person ?? "-", outcome].join(" "),
  );
}

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

test("a token has at most eight connections, and room for another once one is closed", async () => {
  const { alice } = await acquainted();
  const { token } = await alice.operations.tokenCreate({ can: ["send:bob"], name: "bot" });
  const entries = Array.from({ length: 8 }, () => alice.access.authenticate(token));
  await expectError(() => alice.access.authenticate(token), "QUOTA", "connections");
  expect((await outcomes(alice)).at(-1)).toBe("bot authenticate - QUOTA");
  await enterAs(alice, { name: "another" });
  entries[0]?.close();
  alice.access.authenticate(token);
  await expectError(() => alice.access.authenticate(token), "QUOTA", "connections");
});

describe("a token's rate", () => {
  test("counts what was no request too, and the log says what came, not what was made up", async () => {
    const { alice } = await acquainted();
    const entry = await enterAs(alice, { rate: "6/m", name: "bot" });
    for (const method of ["send", "stop", undefined, "<script>", "a".repeat(33)]) {
      entry.misunderstood(method, "REQUEST_INVALID");
    }
    await expectError(() => entry.misunderstood("send", "REQUEST_INVALID"), "RATE_LIMITED");
    expect((await outcomes(alice)).slice(1)).toEqual([
      "bot send - REQUEST_INVALID",
      "bot stop - REQUEST_INVALID",
      ...Array(3).fill("bot unknown - REQUEST_INVALID"),
      "bot send - RATE_LIMITED",
    ]);
  });

  test("counts a request about nobody, which is noted", async () => {
    const { alice } = await acquainted();
    const { operations } = await enterAs(alice, { can: ["send:*"], rate: "2/m", name: "bot" });
    await expectError(operations.send({ to: "bob,carol", text: "x", ...NOW }), "USERNAME_INVALID");
    await expectError(operations.send({ to: "bob,carol", text: "x", ...NOW }), "RATE_LIMITED");
    expect((await outcomes(alice)).slice(1)).toEqual(["bot send - USERNAME_INVALID", "bot send - RATE_LIMITED"]);
  });

  test("counts all its connections and what is forbidden too, and nothing more is done above it", async () => {
    const { world, alice, bob } = await acquainted();
    const one = await enterAs(alice, { rate: "4/m", name: "bot" });
    const other = alice.access.authenticate(one.secret);
    await expectError(other.operations.whoami(), "FORBIDDEN");
    const tries = Array.from({ length: 20 }, (_, n) =>
      (n % 2 ? one : other).operations.send({ to: "bob", text: `${n}`, ...NOW }),
    );
    const codes = (await Promise.allSettled(tries)).map((result) =>
      result.status === "fulfilled" ? "ok" : result.reason.code,
    );
    expect(codes).toEqual(["ok", ...Array(19).fill("RATE_LIMITED")]);
    await world.settle();
    expect(bob.inbox()).toEqual(["hello bob", "0"]);
    // Noted once, however often.
    expect((await outcomes(alice)).filter((text) => text.endsWith("RATE_LIMITED"))).toHaveLength(1);
    await expectError(() => alice.access.authenticate(one.secret), "RATE_LIMITED");
    world.time.pass(60_000);
    expect((await one.operations.send({ to: "bob", text: "later", ...NOW })).to).toBe("bob");
  });

  test("is its own: another token goes on", async () => {
    const { alice } = await acquainted();
    const busy = await enterAs(alice, { rate: "1/h" });
    await expectError(busy.operations.send({ to: "bob", text: "x", ...NOW }), "RATE_LIMITED");
    const other = await enterAs(alice, {});
    expect((await other.operations.send({ to: "bob", text: "x", ...NOW })).to).toBe("bob");
  });
});

describe("a token that is over", () => {
  test("by revocation ends what it opened, before the owner is answered", async () => {
    const { alice } = await acquainted();
    const [entry, other] = [await enterAs(alice, { name: "bot" }), await enterAs(alice, {})];
    const { messages: before } = await alice.operations.history({ with: "bob" });
    const second = alice.access.authenticate(entry.secret);
    expect((await alice.operations.tokenRevoke({ token: "bot" })).id).toBe(entry.token.id);
    expect([entry.ended.aborted, second.ended.aborted, other.ended.aborted]).toEqual([true, true, false]);
    await expectError(entry.operations.send({ to: "bob", text: "x", ...NOW }), "TOKEN_INVALID");
    await expectError(() => alice.access.authenticate(entry.secret), "TOKEN_INVALID");
    expect((await alice.operations.history({ with: "bob" })).messages).toEqual(before);
    // Its log outlives it.
    expect((await alice.operations.tokenLog({ token: entry.token.id })).entries).toHaveLength(2);
  });

  test("tells no event more, not even one that came before", async () => {
    const { alice, bob } = await acquainted();
    const entry = await enterAs(bob, { can: ["read:alice"] });
    const events = entry.feed.events({ since: 0, signal: new AbortController().signal })[Symbol.asyncIterator]();
    await bob.operations.tokenRevoke({ token: entry.token.id });
    await expectError(events.next(), "TOKEN_INVALID");
    expect(alice.person.username).toBe("alice");
  });

  test("by its time is over at that moment, months ahead too", async () => {
    const { world, alice } = await acquainted();
    const days = 86_400_000;
    const entry = await enterAs(alice, { expireSeconds: (60 * days) / 1000 });
    world.time.pass(60 * days - 1);
    expect(entry.ended.aborted).toBe(false);
    world.time.pass(1);
    expect(entry.ended.aborted).toBe(true);
    await expectError(entry.operations.send({ to: "bob", text: "x", ...NOW }), "TOKEN_INVALID");
    await expectError(() => alice.access.authenticate(entry.secret), "TOKEN_INVALID");
  });

  test("leaves no timer behind once its connection is closed", async () => {
    const { world, alice } = await acquainted();
    const before = world.time.timers;
    const entry = await enterAs(alice, { expireSeconds: 60 });
    expect(world.time.timers).toBe(before + 1);
    entry.close();
    expect(world.time.timers).toBe(before);
  });
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

test("the log keeps the newest 500 uses of each token, whatever others do", async () => {
  const { alice } = await acquainted();
  const quiet = await enterAs(alice, { name: "quiet" });
  const loud = await enterAs(alice, { name: "loud", rate: "10000/m" });
  for (let n = 0; n < 600; n += 1) await loud.operations.whoami().catch(() => undefined);
  const { tokenLog } = alice.operations;
  expect((await tokenLog({ token: "loud", limit: 10_000 })).entries).toHaveLength(500);
  expect((await tokenLog({ token: quiet.token.id, limit: 10_000 })).entries).toHaveLength(1);
  expect((await tokenLog({ limit: 3 })).entries.map(({ method }) => method)).toEqual(Array(3).fill("whoami"));
});
