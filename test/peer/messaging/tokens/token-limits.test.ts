import { describe, expect, test } from "vitest";
import { expectError } from "../../../support/expect-error.ts";
import { acquainted, enterAs, NOW, outcomes } from "../../../support/token-holders.ts";

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
