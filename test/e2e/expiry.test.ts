import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { canFakeClocks } from "../support/capabilities.ts";
import { ComputerClock, startClockedWorld } from "../support/computer-clock.ts";
import { aliceAndBob, type Person, strangers } from "../support/p2pchat.ts";

/** How many texts of a profile are still to be forgotten, as it is on disk. */
function expiringOf({ profile }: Person): number {
  using database = new DatabaseSync(join(profile, "chat.db"), { readOnly: true });
  return Number(database.prepare("SELECT count(*) AS rows FROM messages WHERE expires_at > 0").get()?.["rows"]);
}

async function historyOf(person: Person, other: string): Promise<unknown[]> {
  return (await person.run(["history", other, "--json"])).lines.map(({ text }) => text);
}

test.each([["contacts"], ["history", "bob"], ["outbox"]])(
  "what has expired leaves the disk with any command: %s",
  async (...command) => {
    const { alice } = await aliceAndBob();
    await alice.send("bob", "stays", "--expire", "1d");
    await alice.send("bob", "gone soon", "--expire", "2s", "--wait", "queued");
    const left = async () => {
      await alice.run([...command, "--json"]);
      return expiringOf(alice);
    };
    await expect.poll(left, { timeout: 30_000 }).toBe(1);
    expect(await historyOf(alice, "bob")).toEqual(["stays"]);
  },
);

test("what is damaged and to be forgotten keeps nobody from anything else, and a daemon from no delivery", async () => {
  const { alice, bob } = await strangers();
  await alice.send("bob", "for a while", "--expire", "1d", "--wait", "queued");
  await alice.send("bob", "for good", "--wait", "queued");
  using database = new DatabaseSync(join(alice.profile, "chat.db"));
  database.exec("UPDATE messages SET sealed = zeroblob(64), expires_at = 1 WHERE expires_at > 0");
  expect(await alice.ask(["contacts"])).toMatchObject({ exit: 0 });
  const [listening] = await Promise.all([bob.listen(), alice.listen()]);
  expect(await listening.nextMessage("for good")).toMatchObject({ from: "alice" });
});

describe.skipIf(!canFakeClocks())("on a computer whose clock is wrong by twenty hours", () => {
  async function sendFrom(offset: string, lifetime: string) {
    const world = await startClockedWorld();
    const clock = new ComputerClock();
    clock.set(offset);
    const alice = world.person("alice", clock.env);
    await alice.register("--no-passphrase");
    const bob = await world.register("bob", "--no-passphrase");
    const listening = await bob.listen();
    // However late it is by the time that it leaves.
    await alice.send("bob", "for a while", "--expire", lifetime);
    return { alice, listening };
  }

  test("ahead, commands that ask nobody still show what has not expired", async () => {
    const { alice, listening } = await sendFrom("+20h", "12h");
    const { expiresAt } = await listening.nextMessage("for a while");
    expect(Math.abs(Date.parse(String(expiresAt)) - Date.now() - 12 * 3_600_000)).toBeLessThan(300_000);
    expect(await historyOf(alice, "bob")).toEqual(["for a while"]);
    expect(expiringOf(alice)).toBe(1);
  });

  test("ahead since the last start, commands that ask nobody erase nothing", async () => {
    const world = await startClockedWorld();
    const clock = new ComputerClock();
    const alice = world.person("alice", clock.env);
    await alice.register("--no-passphrase");
    await world.register("bob", "--no-passphrase");
    await alice.send("bob", "for a while", "--expire", "12h", "--wait", "queued");
    clock.set("+20h");
    expect(await alice.ask(["contacts"])).toMatchObject({ exit: 0 });
    expect(expiringOf(alice)).toBe(1);
  });

  test("behind, commands that ask nobody forget what has expired", async () => {
    const { alice } = await sendFrom("-20h", "1s");
    await expect.poll(() => historyOf(alice, "bob"), { timeout: 30_000 }).toEqual([]);
    expect(expiringOf(alice)).toBe(0);
  });
});
