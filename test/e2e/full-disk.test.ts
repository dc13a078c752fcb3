import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { canMount } from "../support/capabilities.ts";
import { startWorld, type World } from "../support/p2pchat.ts";
import { mountSmallDisk, type SmallDisk } from "../support/system-faults.ts";

describe.skipIf(!canMount())("a full disk", () => {
  /** Alice or Bob lives on a small disk; the reserve, which gives a little room back, is taken away when it fills. */
  async function livingOnSmallDisk(name: string, world: World) {
    const disk = await mountSmallDisk(join(world.directory, "small"), "8m");
    const person = world.person(name, { P2PCHAT_HOME: disk.path });
    const { wrapper } = disk;
    await person.run(["register", name, "--server", world.url, "--no-passphrase"], { wrapper });
    return { person, disk, wrapper };
  }

  function fillUp(disk: SmallDisk, name: string): void {
    rmSync(disk.file(`${name}/chat.db.reserve`), { force: true });
    disk.fill();
  }

  test("of the recipient: nothing is acknowledged, the sender is told, and all arrives once there is room", async () => {
    const world = await startWorld();
    const alice = await world.register("alice", "--no-passphrase");
    const { person: bob, disk, wrapper } = await livingOnSmallDisk("bob", world);
    const listening = await bob.listen([], { wrapper });
    expect(await alice.send("bob", "one")).toMatchObject({ exit: 0 });
    fillUp(disk, "bob");
    const refused = await alice.send("bob", "two", "--timeout", "4s");
    expect(refused).toMatchObject({ exit: 7, line: { state: "queued", devices: [{ error: "STORAGE" }] } });
    await listening.next(({ type, code }) => type === "error" && code === "STORAGE");
    expect((await alice.ask(["outbox"])).line["items"]).toMatchObject([{ state: "queued", error: "STORAGE" }]);
    disk.free();
    expect(await alice.send("bob", "three", "--timeout", "60s")).toMatchObject({ exit: 0 });
    await listening.nextMessage("three");
    const texts = listening.seen.filter(({ type }) => type === "message").map(({ text }) => text);
    expect(texts).toEqual(["one", "two", "three"]);
  });

  test("of the sender: send fails loudly with 3 and nothing is claimed; with room it works again", async () => {
    const world = await startWorld();
    const bob = await world.register("bob", "--no-passphrase");
    const listening = await bob.listen();
    const { person: alice, disk, wrapper } = await livingOnSmallDisk("alice", world);
    const send = (text: string) => alice.ask(["send", "bob", "--timeout", "10s"], { stdin: text, wrapper });
    expect(await send("one")).toMatchObject({ exit: 0 });
    fillUp(disk, "alice");
    expect(await send("lost")).toMatchObject({ exit: 3, line: { type: "error", code: "STORAGE" } });
    expect(await alice.ask(["listen"], { wrapper })).toMatchObject({
      exit: 3,
      line: { type: "error", code: "STORAGE" },
    });
    disk.free();
    const daemon = await alice.listen([], { wrapper });
    fillUp(disk, "alice");
    expect(await send("lost")).toMatchObject({ exit: 3, line: { type: "error", code: "STORAGE" } });
    expect(daemon.isRunning).toBe(true);
    disk.free();
    expect((await alice.ask(["outbox"], { wrapper })).line["items"]).toEqual([]);
    expect(await send("two")).toMatchObject({ exit: 0 });
    await listening.nextMessage("two");
    const messages = listening.seen.filter(({ type }) => type === "message");
    expect(messages.map(({ seq, text }) => [seq, text])).toEqual([
      [1, "one"],
      [2, "two"],
    ]);
  });
});
