import { describe, expect, test } from "vitest";
import { Acceptor } from "../../../peer/messaging/outbound/accept-message.ts";
import { queueForContact } from "../../../peer/messaging/outbound/send-message.ts";
import { MessagingWorld } from "../../support/messaging-world.ts";
import { AUDIENCE } from "../../support/people.ts";

describe("send", () => {
  test("with a key of the caller's is the same message however often it is sent", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const first = await alice.send(bob, "report", "nightly");
    const again = await Promise.all([alice.send(bob, "report", "nightly"), alice.send(bob, "report", "nightly")]);
    await world.settle();
    const later = await world.restart(alice).send(bob, "report", "nightly");
    expect(new Set([first.id, ...again.map(({ id }) => id), later.id]).size).toBe(1);
    expect(later.state).toBe("stored");
    expect(bob.inbox()).toEqual(["hello bob", "report"]);
  });

  test("with a key that stands for another text or person is refused, and nothing is sent", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    await world.start("carol");
    await alice.send(bob, "report", "nightly");
    await expect(alice.send(bob, "another", "nightly")).rejects.toMatchObject({ code: "ID_CONFLICT" });
    await expect(alice.send("carol", "report", "nightly")).rejects.toMatchObject({ code: "ID_CONFLICT" });
    await world.settle();
    expect(bob.inbox()).toEqual(["hello bob", "report"]);
    expect(alice.outbox()).toEqual([]);
  });

  test("leaves the next number to the next message when it is refused", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    await alice.send(bob, "report", "nightly");
    await Promise.allSettled([
      alice.send(bob, "one"),
      alice.send(bob, "another", "nightly"),
      alice.send(bob, "x".repeat(15 * 1024 + 1)),
      alice.send(bob, ""),
      alice.send(bob, "two"),
    ]);
    await world.settle();
    expect(bob.inbox()).toEqual(["hello bob", "report", "one", "two"]);
  });

  test("is told page by page: nothing is left out, nothing comes twice, though it was all written at once", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const wanted = Array.from({ length: 100 }, (_, index) => `line ${index}`);
    for (const text of wanted) await alice.operations.send({ to: "bob", text, wait: "queued", timeoutMs: 0 });
    await world.settle();
    for (const { operations } of [alice, bob]) {
      const other = operations === alice.operations ? "bob" : "alice";
      const read: string[] = [];
      let next: { olderThan?: number } | undefined = {};
      for (let page = await operations.history({ with: other, limit: 17 }); next !== undefined; ) {
        read.unshift(...page.messages.map(({ text }) => text));
        next = page.older === null ? undefined : { olderThan: page.older };
        page = await operations.history({ with: other, limit: 17, ...next });
      }
      expect(read.slice(2)).toEqual(wanted);
    }
  });

  const refused: [string, string, string, string][] = [
    ["a text that is too long", "bob", "x".repeat(15 * 1024 + 1), "MESSAGE_TOO_LARGE"],
    ["nothing", "bob", "", "MESSAGE_EMPTY"],
    ["oneself", "alice", "hi me", "SELF_SEND"],
    ["an unknown name", "nobody-here", "hi", "NAME_UNKNOWN"],
    ["what is no name", "../bob", "hi", "USERNAME_INVALID"],
    ["another server's name", "bob@elsewhere.example", "hi", "SERVER_MISMATCH"],
  ];
  test.each(refused)("to or of %s stores nothing", async (_, to, text, code) => {
    const world = new MessagingWorld();
    const { alice } = await world.acquainted();
    await expect(alice.send(to, text)).rejects.toMatchObject({ code });
    expect(alice.outbox()).toEqual([]);
    const { messages } = await alice.operations.history({ with: "bob" });
    expect(messages).toHaveLength(2);
  });

  test("takes a name in capitals, and in full", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    await alice.send("BOB", "one");
    await alice.send(`bob@${new URL(AUDIENCE).host}`, "two");
    await world.settle();
    expect(bob.inbox()).toEqual(["hello bob", "one", "two"]);
  });

  test("says that it is queued once its time is up", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    world.network.part(alice.self.device, bob.self.device);
    const sending = alice.operations.send({ to: "bob", text: "slow", wait: "stored", timeoutMs: 10_000 });
    let settled = false;
    void sending.then(() => (settled = true));
    await world.pass(9_900);
    expect(settled).toBe(false);
    await world.pass(200);
    expect(await sending).toMatchObject({ state: "queued", devices: [{ state: "queued", path: null }] });
  });

  test("to somebody who is blocked here is refused", async () => {
    const world = new MessagingWorld();
    const { alice } = await world.acquainted();
    await alice.operations.contactsBlock({ username: "bob", blocked: true });
    await expect(alice.send("bob", "hi")).rejects.toMatchObject({ code: "CONTACT_BLOCKED" });
  });
});

describe("while another process holds the profile", () => {
  test("stores what is for a contact, and nothing for anybody else", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const acceptor = new Acceptor(alice.core);
    const { self, store, core } = alice;
    const deps = { self, store, acceptor, serverNow: core.expiryNow, server: AUDIENCE };
    const params = { text: "from another process", wait: "queued", timeoutMs: 0 } as const;
    await expect(queueForContact(deps, { ...params, to: "carol" })).rejects.toMatchObject({ code: "PROFILE_BUSY" });
    await expect(queueForContact(deps, { ...params, to: "alice" })).rejects.toMatchObject({ code: "SELF_SEND" });
    const queued = await queueForContact(deps, { ...params, to: "bob", replyTo: "ab".repeat(16), expireSeconds: 60 });
    expect(queued).toMatchObject({ state: "queued" });
    const { messages } = await alice.operations.history({ with: "bob" });
    expect(messages.at(-1)).toMatchObject({ replyTo: "ab".repeat(16), expiresAt: expect.any(String) });
    alice.delivery.start();
    await world.settle();
    expect(bob.inbox()).toEqual(["hello bob", "from another process"]);
  });
});

describe("retry", () => {
  test("sends failed messages again, all or one, and knows what there is", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    await bob.operations.contactsBlock({ username: "alice", blocked: true });
    const { id } = await alice.send(bob, "one");
    await alice.send(bob, "two");
    await world.settle();
    expect(alice.outbox().map(({ state }) => state)).toEqual(["failed", "failed"]);
    await bob.operations.contactsBlock({ username: "alice", blocked: false });
    expect(await alice.operations.outboxRetry({ id })).toEqual({ retried: 1 });
    await world.settle();
    expect(bob.inbox()).toEqual(["hello bob", "one"]);
    expect(await alice.operations.outboxRetry({})).toEqual({ retried: 1 });
    await world.settle();
    expect(bob.inbox()).toEqual(["hello bob", "one", "two"]);
    await expect(alice.operations.outboxRetry({ id })).rejects.toMatchObject({ code: "OUTBOX_UNKNOWN" });
  });
});

describe("verify", () => {
  test("gives both the same number, and keeps that it was compared", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const mine = await alice.operations.verify({ username: "bob" });
    const theirs = await bob.operations.verify({ username: "alice" });
    expect(mine.safetyNumber).toBe(theirs.safetyNumber);
    const wrong = mine.safetyNumber.replace(/^./, (digit) => String((Number(digit) + 1) % 10));
    await expect(alice.operations.verify({ username: "bob", number: wrong })).rejects.toMatchObject({
      code: "SAFETY_NUMBER_MISMATCH",
    });
    expect(alice.contact(bob)?.verified).toBe(false);
    await alice.operations.verify({ username: "bob", number: theirs.safetyNumber });
    expect(alice.contact(bob)?.verified).toBe(true);
  });
});

describe("outboxWait", () => {
  test("tells how far a message has come, and waits for more of it no longer than asked", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const { id } = await alice.send(bob, "one");
    await world.settle();
    const wait = (timeoutMs: number) => alice.operations.outboxWait({ id, wait: "stored", timeoutMs });
    expect(await wait(1000)).toMatchObject({ id, to: "bob", state: "stored" });
    bob.kill();
    const { id: later } = await alice.send(bob, "two");
    const waiting = alice.operations.outboxWait({ id: later, wait: "stored", timeoutMs: 1000 });
    await world.pass(1000);
    expect(await waiting).toMatchObject({ id: later, to: "bob", state: "queued" });
  });

  test("knows no message but one's own", async () => {
    const world = new MessagingWorld();
    const { alice } = await world.acquainted();
    const wait = (id: string) => alice.operations.outboxWait({ id, wait: "stored", timeoutMs: 1000 });
    await expect(wait("0".repeat(32))).rejects.toMatchObject({ code: "OUTBOX_UNKNOWN" });
    await expect(wait("x")).rejects.toMatchObject({ code: "USAGE" });
  });
});
