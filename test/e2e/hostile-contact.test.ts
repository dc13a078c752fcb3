import { describe, expect, test } from "vitest";
import { loadSettings } from "../../peer/cli/config.ts";
import { openProfileDirectory } from "../../peer/identity/profile-directory.ts";
import { Acceptor } from "../../peer/messaging/outbound/accept-message.ts";
import { systemRuntime } from "../../peer/messaging/runtime.ts";
import { openProfile } from "../../peer/open-profile.ts";
import type { Content } from "../../shared/content.ts";
import { parseUsername } from "../../shared/username.ts";
import { canFakeClocks } from "../support/capabilities.ts";
import { deliver, startClockedWorld } from "../support/computer-clock.ts";
import { aliceAndBob, type Person, strangers } from "../support/p2pchat.ts";
import type { Line } from "../support/program.ts";

/** Puts into somebody's outbox what no command of theirs would; nothing of theirs may run meanwhile. */
async function plant(person: Person, to: string, contents: readonly Content[]): Promise<void> {
  const directory = openProfileDirectory({ home: person.home, profile: person.name, create: false });
  const settings = loadSettings({ env: person.environment(), flags: {} });
  const { signal } = new AbortController();
  const opened = await openProfile(directory, { settings, runtime: systemRuntime, signal });
  try {
    const contact = opened.store.contacts.find(parseUsername(to));
    if (contact === undefined) throw new Error(`${person.name} does not know ${to}`);
    const acceptor = new Acceptor({ self: opened.self, store: opened.store, runtime: systemRuntime });
    for (const content of contents) await acceptor.accept({ to: contact, content });
  } finally {
    opened.close();
  }
}

const eventsOf = (lines: readonly Line[]) => lines.filter(({ type }) => type !== "ready");

test("a text that expires when no calendar goes on ends no listener and no history, now or at a later start", async () => {
  const { alice, bob, listening } = await aliceAndBob();
  await alice.send("bob", "hello");
  await plant(alice, "bob", [
    { kind: "text", text: "from a far future", expiresAt: 9_000_000_000_000_000 },
    { kind: "text", text: "and on" },
  ]);
  await alice.run(["outbox", "retry"]);
  await listening.nextMessage("and on");
  expect((await listening.stop()).code).toBe(0);
  const again = await bob.listen(["--consumer", "new"]);
  await again.nextMessage("and on");
  expect(again.seen.map(({ text }) => text)).not.toContain("from a far future");
  const history = await bob.run(["history", "alice", "--json"]);
  expect(history).toMatchObject({ code: 0 });
  expect(history.lines.map(({ text }) => text)).toEqual(["hello", "and on"]);
});

test("somebody who waits to be accepted has nothing shown of what they change, either", async () => {
  const { alice, bob } = await strangers();
  await bob.run(["inbox", "requests"]);
  const listening = await bob.listen();
  const { line } = await alice.send("bob", "first");
  const id = String(line.id);
  expect(await alice.ask(["edit", id, "second"])).toMatchObject({ exit: 0 });
  const target = Buffer.alloc(16, 1);
  await plant(alice, "bob", [
    { kind: "edit", target, text: "an edit of nothing" },
    { kind: "reaction", target, emoji: "🎉" },
  ]);
  await alice.run(["outbox", "retry"]);
  expect(alice.countRows("outbox")).toBeGreaterThan(0);
  expect((await bob.ask(["inbox"])).line).toMatchObject({ requests: [{ username: "alice", messages: 1 }] });
  expect(eventsOf(listening.seen)).toEqual([]);
  await bob.run(["contacts", "accept", "alice"]);
  expect(await listening.nextMessage("second")).toMatchObject({ id, edited: true });
  expect(eventsOf(listening.seen)).toHaveLength(1);
});

test("somebody who was removed can write again, as a stranger, on the session that they still have", async () => {
  const { alice, bob, listening } = await aliceAndBob();
  const atAlice = await alice.listen();
  await alice.send("bob", "before");
  await bob.send("alice", "an answer");
  await atAlice.nextMessage("an answer");
  await bob.run(["contacts", "remove", "alice"]);
  expect((await listening.stop()).code).toBe(0);
  expect((await atAlice.stop()).code).toBe(0);
  const again = await bob.listen();
  expect(await alice.send("bob", "after")).toMatchObject({ exit: 0, line: { state: "stored" } });
  await again.nextMessage("after");
  expect((await bob.ask(["contacts", "show", "alice"])).line).toMatchObject({ accepted: false });
});

describe.skipIf(!canFakeClocks())("a text that has expired", () => {
  test("is shown by no command, whether anything runs or not, and can be edited no more", async () => {
    const world = await startClockedWorld();
    const { clock } = world.naming;
    const [alice, bob] = [world.person("alice", clock.env), world.person("bob", clock.env)];
    for (const person of [alice, bob]) await person.register("--no-passphrase");
    const listening = await bob.listen();
    const { line } = await alice.send("bob", "for an hour", "--expire", "1h");
    await listening.nextMessage("for an hour");
    await listening.stop();
    const texts = async (person: Person, other: string) =>
      (await person.run(["history", other, "--json"])).lines.map(({ text }) => text);
    expect(await texts(bob, "alice")).toEqual(["for an hour"]);
    clock.set("+2h");
    expect(await texts(bob, "alice")).toEqual([]);
    expect(await texts(alice, "bob")).toEqual([]);
    expect(await alice.ask(["edit", String(line.id), "for good"])).toMatchObject({ line: { code: "MESSAGE_UNKNOWN" } });
    await plant(alice, "bob", [{ kind: "edit", target: Buffer.from(String(line.id), "hex"), text: "for good" }]);
    // Node writes the Date of its answers anew once a second.
    const saidAheadMs = async () =>
      Date.parse(String((await fetch(await world.naming.url())).headers.get("date"))) - Date.now();
    await expect.poll(saidAheadMs).toBeGreaterThan(3_600_000);
    const late = await bob.listen(["--consumer", "late"]);
    await deliver(alice, bob, late, "the next");
    expect(eventsOf(late.seen)).toMatchObject([{ type: "message", text: "the next" }]);
    expect(await texts(bob, "alice")).toEqual(["the next"]);
  });
});
